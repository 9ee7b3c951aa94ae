import { constants } from "node:os";
import { expect, test } from "vitest";
import { errorName } from "./libc.ts";

test("an error that has two names has the one that is asked for", () => {
  expect(constants.errno.EWOULDBLOCK).toBe(constants.errno.EAGAIN);
  expect(errorName(constants.errno.EAGAIN)).toBe("EAGAIN");
  expect(errorName(constants.errno.ECONNREFUSED)).toBe("ECONNREFUSED");
});

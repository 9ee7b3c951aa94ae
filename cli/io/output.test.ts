import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { Output } from "./output.ts";

/** A stream of which the first write fails with this code. */
function failing(code: string): Writable {
  return new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => setImmediate(() => done(Object.assign(new Error(code), { code }))),
  });
}

test("a reader that has gone away is no error, and gets nothing more", async () => {
  const output = new Output(failing("EPIPE"));
  await output.write("a".repeat(100_000));
  await output.write("b".repeat(100_000));
  await output.flush();
});

test("any other failure is one", async () => {
  const output = new Output(failing("ENOSPC"));
  await expect(output.write("a".repeat(100_000))).rejects.toThrow("ENOSPC");
});

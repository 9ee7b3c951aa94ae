import { expect, test, vi } from "vitest";
import { type IssuedToken, TokenCache } from "./token-cache.ts";

const MINUTE = 60_000;

function setUp() {
  let now = 1_000_000;
  let count = 0;
  const cache = new TokenCache(() => now);
  const issue = vi.fn(async (): Promise<IssuedToken> => {
    count += 1;
    return { token: `t${count}`, expires: now + 15 * MINUTE };
  });
  const pass = (ms: number): void => {
    now += ms;
  };
  return { cache, issue, pass };
}

test("many logins at one moment make one request, and later ones none", async () => {
  const { cache, issue } = setUp();
  expect(await Promise.all(Array.from({ length: 100 }, () => cache.get("db/app", issue)))).toEqual(
    Array.from({ length: 100 }, () => "t1"),
  );
  expect(await cache.get("db/app", issue)).toBe("t1");
  expect(issue).toHaveBeenCalledTimes(1);
  expect(await cache.get("db/other", issue)).toBe("t2");
});

test("a token is renewed from its eighth minute on, while logins go on with the old one", async () => {
  const { cache, issue, pass } = setUp();
  await cache.get("k", issue);
  pass(7.9 * MINUTE);
  await cache.get("k", issue);
  expect(issue).toHaveBeenCalledTimes(1);
  pass(0.2 * MINUTE);
  expect(await cache.get("k", issue)).toBe("t1");
  expect(issue).toHaveBeenCalledTimes(2);
  expect(await cache.get("k", issue)).toBe("t2");
});

test("a token in its last minute is not used: the login waits for the next", async () => {
  const { cache, issue, pass } = setUp();
  await cache.get("k", issue);
  pass(14.5 * MINUTE);
  expect(await cache.get("k", issue)).toBe("t2");
});

test("a failed renewal leaves the old token in use until its last minute, and is then told to every login", async () => {
  const { cache, issue, pass } = setUp();
  await cache.get("k", issue);
  const fail = vi.fn(async () => Promise.reject(new Error("no credentials")));
  pass(10 * MINUTE);
  expect(await cache.get("k", fail)).toBe("t1");
  await vi.waitFor(() => expect(fail.mock.settledResults).toMatchObject([{ type: "rejected" }]));
  pass(4.5 * MINUTE);
  await expect(Promise.all([cache.get("k", fail), cache.get("k", fail)])).rejects.toThrow("no credentials");
  expect(fail).toHaveBeenCalledTimes(2);
  await expect(cache.get("k", fail)).rejects.toThrow("no credentials");
  expect(fail).toHaveBeenCalledTimes(2);
  pass(1_000);
  expect(await cache.get("k", issue)).toBe("t2");
});

test("a clock that is set back by hours does not keep a failure alive", async () => {
  const { cache, issue, pass } = setUp();
  await expect(cache.get("k", () => Promise.reject(new Error("x")))).rejects.toThrow("x");
  pass(-5 * 60 * MINUTE);
  expect(await cache.get("k", issue)).toBe("t1");
});

import { expect, test } from "vitest";
import { KeySet } from "./key-set.ts";
import { createKey, ISSUER, NOW, TestIssuer } from "./test-issuer.ts";

const first = createKey("one");
const second = createKey("two");

interface World {
  readonly issuer: TestIssuer;
  readonly keys: KeySet;
  now: number;
  readonly results: string[];
}

function world(): World {
  const issuer = new TestIssuer(first);
  const results: string[] = [];
  const made = { issuer, now: NOW, results };
  const keys = new KeySet({
    issuer: ISSUER,
    fetch: issuer.fetch,
    now: () => made.now,
    onFetch: (result) => results.push(result),
  });
  return Object.assign(made, { keys });
}

const ask = ({ keys }: World, kid: string | undefined) =>
  keys.key({ alg: "ES256", ...(kid !== undefined && { kid }) }).then(
    () => "found",
    (error: { refusal?: string }) => error.refusal ?? String(error),
  );

test("keys are fetched once, however many ask at the same time", async () => {
  const it = world();
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(it, "one")));
  expect(new Set(answers)).toEqual(new Set(["found"]));
  expect(it.issuer.asked).toBe(2);
});

test("an unknown key is looked for, but not for everybody who invents one", async () => {
  const it = world();
  expect(await ask(it, "one")).toBe("found");
  it.now += 11_000;
  it.issuer.keys = [first, second];
  expect(await ask(it, "two")).toBe("found");
  const asked = it.issuer.asked;
  for (let n = 0; n < 100; n++) expect(await ask(it, `invented-${n}`)).toBe("unknown-key");
  expect(it.issuer.asked).toBe(asked);
});

test("a provider that is down: known keys serve, unknown ones fail closed, and it is asked less and less", async () => {
  const it = world();
  expect(await ask(it, "one")).toBe("found");
  it.issuer.failure = new Error("down");
  it.now += 3_600_000;
  expect(await ask(it, "one")).toBe("found");
  expect(await ask(it, "two")).toBe("unavailable");
  const asked = it.issuer.asked;
  for (let n = 0; n < 100; n++) {
    it.now += 100;
    expect(await ask(it, "two")).toBe("unavailable");
  }
  expect(it.issuer.asked - asked).toBeLessThanOrEqual(4);
  it.issuer.failure = undefined;
  it.now += 60_000;
  it.issuer.keys = [first, second];
  expect(await ask(it, "two")).toBe("found");
});

test("keys of a provider that stays down serve for a day and no longer", async () => {
  const it = world();
  expect(await ask(it, "one")).toBe("found");
  it.issuer.failure = new Error("down");
  it.now += 24 * 3_600_000 - 1;
  expect(await ask(it, "one")).toBe("found");
  it.now += 10;
  expect(await ask(it, "one")).toBe("unavailable");
});

test("a withdrawn key is forgotten at the refresh that follows five minutes of use", async () => {
  const it = world();
  expect(await ask(it, "one")).toBe("found");
  it.issuer.keys = [second];
  it.now += 301_000;
  // This one may still be served; it starts the refresh.
  await ask(it, "one");
  await expect.poll(() => it.results.length).toBe(2);
  expect(await ask(it, "one")).toBe("unknown-key");
});

test.each<[string, (issuer: TestIssuer) => unknown]>([
  [
    "a discovery document of another issuer",
    (issuer) => Object.assign(issuer, { issuer: "https://evil.example" }),
  ],
  ["keys over plain HTTP", (issuer) => Object.assign(issuer, { jwksUri: "http://issuer.example/keys" })],
  ["keys from a file", (issuer) => Object.assign(issuer, { jwksUri: "file:///etc/keys" })],
  ["status 500", (issuer) => Object.assign(issuer, { failure: { status: 500, type: "", text: "{}" } })],
  ["a redirect", (issuer) => Object.assign(issuer, { failure: { status: 302, type: "", text: "" } })],
  [
    "a page instead of JSON",
    (issuer) => Object.assign(issuer, { failure: { status: 200, type: "text/html", text: "<html>" } }),
  ],
  ["no key at all", (issuer) => Object.assign(issuer, { keys: [] })],
])("%s is a failure, and keys that are known stay", async (_, spoil) => {
  const fresh = world();
  spoil(fresh.issuer);
  expect(await ask(fresh, "one")).toBe("unavailable");
  const used = world();
  expect(await ask(used, "one")).toBe("found");
  spoil(used.issuer);
  used.now += 301_000;
  await ask(used, "one");
  await expect.poll(() => used.results).toEqual(["ok", "failed"]);
  expect(await ask(used, "one")).toBe("found");
});

test("a withdrawn key is not believed once more because nobody came for hours", async () => {
  const it = world();
  expect(await ask(it, "one")).toBe("found");
  it.issuer.keys = [second];
  it.now += 5 * 3_600_000;
  expect(await ask(it, "one")).toBe("unknown-key");
  expect(await ask(it, "two")).toBe("found");
});

test("a token that names no key is refused when there are several, and accepted when there is one", async () => {
  const it = world();
  expect(await ask(it, undefined)).toBe("found");
  it.now += 301_000;
  it.issuer.keys = [first, second];
  await ask(it, undefined);
  await expect.poll(() => it.results.length).toBe(2);
  expect(await ask(it, undefined)).toBe("unknown-key");
});

test("keys from a file are never fetched, and a file without one is an error", async () => {
  const keys = KeySet.fixed(ISSUER, JSON.stringify({ keys: [first.jwk] }));
  expect(await keys.key({ alg: "ES256", kid: "one" })).toBeDefined();
  await expect(keys.key({ alg: "ES256", kid: "two" })).rejects.toMatchObject({ refusal: "unknown-key" });
  expect(() => KeySet.fixed(ISSUER, "{}")).toThrow("not a JSON Web Key Set");
});

/** Which tokens are counted, and by which service. Signing is not tested here: `test/aws/token-verifier.test.ts`. */
import { expect, test } from "vitest";
import type { ProxyServiceAuth } from "../../policy/compile/proxy/config.ts";
import type { AwsTokens } from "./aws-tokens.ts";
import { CredentialError, LoginTokens, type TokenLogin, type TokenResult } from "./login-tokens.ts";
import { TokenCache } from "./token-cache.ts";

const MINUTE = 60_000;
const rds: ProxyServiceAuth = { type: "rds-iam", region: "eu-central-1" };
const login = (service: string, auth: ProxyServiceAuth = rds): TokenLogin => ({
  service,
  auth,
  host: `${service}.example.com`,
  port: 5432,
  user: "app",
});

function setUp() {
  let now = 1_000_000;
  let working = true;
  const told: [string, TokenResult][] = [];
  const issue = async () => {
    if (!working) throw new Error("no credentials");
    return { token: "t", expires: now + 15 * MINUTE };
  };
  const tokens = new LoginTokens(
    (service, result) => told.push([service, result]),
    async () => ({ rds: issue, elasticache: issue }) as unknown as AwsTokens,
    new TokenCache(() => now),
  );
  const fail = (): void => {
    working = false;
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  return { tokens, told, fail, pass };
}

test("a token is counted when it is made, and not when it is used again; its end is known", async () => {
  const { tokens, told, pass } = setUp();
  expect(tokens.expires("orders")).toBeUndefined();
  for (let count = 0; count < 3; count++) await tokens.token(login("orders"));
  await tokens.token(login("ledger"));
  expect(told).toEqual([
    ["orders", "issued"],
    ["ledger", "issued"],
  ]);
  expect(tokens.expires("orders")).toBe(1_000_000 + 15 * MINUTE);
  pass(20 * MINUTE);
  await tokens.token(login("orders"));
  expect(told.at(-1)).toEqual(["orders", "issued"]);
  expect(tokens.expires("orders")).toBe(1_000_000 + 35 * MINUTE);
  expect(tokens.expires("ledger")).toBe(1_000_000 + 15 * MINUTE);
});

test("a token that could not be made is counted once for all who wait for it", async () => {
  const { tokens, told, fail, pass } = setUp();
  fail();
  const all = await Promise.allSettled([tokens.token(login("orders")), tokens.token(login("orders"))]);
  for (const result of all)
    expect(result).toMatchObject({ status: "rejected", reason: expect.any(CredentialError) });
  expect(told).toEqual([["orders", "failed"]]);
  await expect(tokens.token(login("orders"))).rejects.toThrow("no credentials");
  expect(told).toHaveLength(1);
  pass(2_000);
  await expect(tokens.token(login("orders"))).rejects.toThrow("no credentials");
  expect(told).toHaveLength(2);
  expect(tokens.expires("orders")).toBeUndefined();
});

test("a service that believes the proxy without a token counts none", async () => {
  const { tokens, told } = setUp();
  expect(await tokens.token(login("orders", { type: "trust" }))).toBe("");
  expect(told).toEqual([]);
});

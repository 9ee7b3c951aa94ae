import { Signer } from "@aws-sdk/rds-signer";
import { describe, expect, test } from "vitest";
import { AwsTokens } from "../../proxy-image/broker/aws-tokens.ts";
import { type TokenExpectation, tokenRefusal } from "./token-verifier.ts";

const MINUTE = 60_000;
const keys = new Map([
  ["AKIDLONG", { secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" }],
  ["ASIATEMP", { secret: "temporary/secret+key", sessionToken: "IQoJb3JpZ2luX2VjE//+a=b&c==" }],
]);
const expected = (rest: Partial<TokenExpectation> = {}): TokenExpectation => ({
  service: "rds-db",
  host: "orders.cluster-abc.eu-central-1.rds.amazonaws.com:5432",
  region: "eu-central-1",
  user: "orders_app",
  now: Date.now(),
  keys,
  ...rest,
});
const provider = (id: string) => async () => {
  const key = keys.get(id);
  if (!key) throw new Error("no such key");
  return {
    accessKeyId: id,
    secretAccessKey: key.secret,
    ...(key.sessionToken && { sessionToken: key.sessionToken }),
  };
};
const login = {
  region: "eu-central-1",
  host: "orders.cluster-abc.eu-central-1.rds.amazonaws.com",
  port: 5432,
  user: "orders_app",
};

describe.each(["AKIDLONG", "ASIATEMP"])("a token signed with %s", (id) => {
  test("by the AWS SDK's own signer is good, and so is the proxy's", async () => {
    const signer = new Signer({
      region: login.region,
      hostname: login.host,
      port: login.port,
      username: login.user,
      credentials: await provider(id)(),
    });
    expect(tokenRefusal(await signer.getAuthToken(), expected())).toBeUndefined();
    const { token } = await new AwsTokens(provider(id)).rds(login);
    expect(tokenRefusal(token, expected())).toBeUndefined();
  });

  test("is refused when anything that it says is not what the database is", async () => {
    const { token } = await new AwsTokens(provider(id)).rds(login);
    const refusal = (rest: Partial<TokenExpectation>) => tokenRefusal(token, expected(rest));
    expect(refusal({ user: "admin" })).toBe("a token of orders_app");
    expect(refusal({ region: "us-east-1" })).toContain("of the scope eu-central-1");
    expect(refusal({ host: "other.rds.amazonaws.com:5432" })).toContain("signed for orders");
    expect(refusal({ service: "elasticache" })).toBeDefined();
    expect(refusal({ now: Date.now() + 16 * MINUTE })).toBe("expired");
    expect(refusal({ now: Date.now() - 6 * MINUTE })).toBe("not valid yet");
    expect(refusal({ keys: new Map([[id, { ...keys.get(id), secret: "another" }]]) })).toBe(
      "a wrong signature",
    );
    expect(refusal({ keys: new Map() })).toBe("an unknown access key");
  });

  test("is refused when it was changed after it was signed", async () => {
    const { token } = await new AwsTokens(provider(id)).rds(login);
    const admin = token.replace("DBUser=orders_app", "DBUser=admin");
    expect(tokenRefusal(admin, expected({ user: "admin" }))).toBe("a wrong signature");
    const longer = token.replace("X-Amz-Expires=900", "X-Amz-Expires=899");
    expect(tokenRefusal(longer, expected())).toBe("a wrong signature");
    const start = token.indexOf("X-Amz-Signature=") + 16;
    for (let at = start; at < start + 64; at += 7) {
      const other = token[at] === "0" ? "1" : "0";
      expect(tokenRefusal(token.slice(0, at) + other + token.slice(at + 1), expected())).toBe(
        "a wrong signature",
      );
    }
  });

  test("for a cache says which, and whether it is serverless", async () => {
    const tokens = new AwsTokens(provider(id));
    const cache = { service: "elasticache", host: "sessions", user: "api" } as const;
    for (const serverless of [false, true]) {
      const { token } = await tokens.elasticache({
        region: "eu-central-1",
        cache: "sessions",
        serverless,
        user: "api",
      });
      expect(token.startsWith("sessions/?")).toBe(true);
      expect(tokenRefusal(token, expected({ ...cache, serverless }))).toBeUndefined();
      expect(tokenRefusal(token, expected({ ...cache, serverless: !serverless }))).toBe(
        "another kind of cache",
      );
      expect(tokenRefusal(token, expected({ ...cache, serverless, host: "other" }))).toContain("signed for");
      expect(tokenRefusal(token, expected({ ...cache, serverless, user: "root" }))).toBe("a token of api");
    }
  });
});

test("a token ends with the credentials that signed it", async () => {
  const expiration = new Date(Date.now() + 2 * MINUTE);
  const soon = new AwsTokens(async () => ({ ...(await provider("ASIATEMP")()), expiration }));
  expect((await soon.rds(login)).expires).toBe(expiration.getTime());
  const { expires } = await new AwsTokens(provider("AKIDLONG")).rds(login);
  expect(Math.abs(expires - Date.now() - 15 * MINUTE)).toBeLessThan(MINUTE);
});

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { KeySet } from "./key-set.ts";
import { type OidcProvider, type OidcWorld, verifyToken } from "./oidc.ts";
import { claimsOf, createKey, encode, hmacToken, ISSUER, NOW, token, unsignedToken } from "./test-issuer.ts";

const key = createKey("one");
const rsa = createKey("rsa", "RS256");
const foreign = createKey("one");
const keys = KeySet.fixed(ISSUER, JSON.stringify({ keys: [key.jwk, rsa.jwk] }));

const provider: OidcProvider = {
  name: "okta",
  issuer: ISSUER,
  audiences: ["portreeve"],
  clients: [],
  algorithms: ["RS256", "ES256"],
  userClaim: "email",
  groupsClaim: "groups",
  clockSkew: 30_000,
  grace: 30_000,
};
const world: OidcWorld = {
  keys,
  agentOf: (subject) => (subject === "okta:bot-1" ? "triage" : undefined),
  needsGroups: false,
  certificate: undefined,
};
const verify = (text: string, change: Partial<OidcProvider> = {}, more: Partial<OidcWorld> = {}) =>
  verifyToken(text, { ...provider, ...change }, { ...world, ...more }, NOW);

async function refusalOf(text: string, change: Partial<OidcProvider> = {}, more: Partial<OidcWorld> = {}) {
  const outcome = await verify(text, change, more);
  return outcome.ok ? "accepted" : outcome.refusal;
}

test("a good token names its user, groups, and when it ends", async () => {
  const outcome = await verify(token(key, claimsOf()));
  expect(outcome).toMatchObject({
    ok: true,
    credential: {
      provider: "okta",
      issuer: ISSUER,
      person: { user: "okta:alice@example.com", groups: ["okta:dba"] },
      agent: undefined,
      expires: NOW + 300_000,
      until: NOW + 330_000,
    },
  });
});

describe("a token is refused that is", () => {
  const seconds = NOW / 1_000;
  test.each<[string, string, string]>([
    ["signed by somebody else under the same key id", token(foreign, claimsOf()), "signature"],
    ["unsigned", unsignedToken(claimsOf()), "algorithm"],
    ["unsigned, spelt otherwise", unsignedToken(claimsOf(), "nOnE"), "algorithm"],
    ["an HMAC with the public key", hmacToken(rsa, claimsOf()), "algorithm"],
    [
      "of one algorithm by its header and of another by its key",
      token(key, claimsOf(), { alg: "RS256", kid: "one" }),
      "unknown-key",
    ],
    ["of an algorithm that the provider does not use", token(rsa, claimsOf(), { alg: "RS512" }), "algorithm"],
    ["changed after it was signed", tampered(token(key, claimsOf())), "signature"],
    ["expired beyond the tolerance", token(key, claimsOf({ exp: seconds - 31 })), "expired"],
    ["not valid yet", token(key, claimsOf({ nbf: seconds + 60 })), "not-yet-valid"],
    ["dated in the future", token(key, claimsOf({ iat: seconds + 60 })), "not-yet-valid"],
    ["without an end", token(key, claimsOf({ exp: undefined })), "claims"],
    ["with an end that is no number", token(key, claimsOf({ exp: "never" })), "claims"],
    ["for another audience", token(key, claimsOf({ aud: "else" })), "audience"],
    ["for nobody", token(key, claimsOf({ aud: undefined })), "audience"],
    ["of another issuer", token(key, claimsOf({ iss: `${ISSUER}/` })), "no-provider"],
    ["a logout token", token(key, claimsOf(), { typ: "logout+jwt" }), "type"],
    ["a logout token that hides its type", token(key, claimsOf({ events: {} })), "type"],
    ["in need of an extension (`crit`)", token(key, claimsOf(), { crit: ["x"], x: 1 }), "malformed"],
    ["with a key of its own", token(foreign, claimsOf(), { jwk: foreign.jwk, kid: undefined }), "signature"],
    ["nothing but dots", "..", "malformed"],
    ["of four parts", `${token(key, claimsOf())}.x`, "malformed"],
    ["without a user", token(key, claimsOf({ email: undefined })), "claims"],
    ["with a user who is an object", token(key, claimsOf({ email: {} })), "claims"],
    ["with an address that nobody verified", token(key, claimsOf({ email_verified: false })), "claims"],
    [
      "with an address not verified, said as text",
      token(key, claimsOf({ email_verified: "false" })),
      "claims",
    ],
    ["with an address verified in no known way", token(key, claimsOf({ email_verified: null })), "claims"],
    [
      "with a line break in the user's name",
      token(key, claimsOf({ email: 'a"\n{"verdict":"allow"}' })),
      "claims",
    ],
    ["with a terminal's commands in a group", token(key, claimsOf({ groups: ["\u001b[2J"] })), "claims"],
    ["with a name beyond its bound", token(key, claimsOf({ email: "a".repeat(400) })), "claims"],
    [
      "with more groups than are read",
      token(key, claimsOf({ groups: Array.from({ length: 1_001 }, (_, n) => `g${n}`) })),
      "groups-overage",
    ],
    [
      "without its groups, because they were too many",
      token(key, claimsOf({ groups: undefined, _claim_names: { groups: "src1" } })),
      "groups-overage",
    ],
    [
      "without its groups, as the implicit flow says it",
      token(key, claimsOf({ groups: undefined, hasgroups: true })),
      "groups-overage",
    ],
    [
      "with an actor of another issuer",
      token(key, claimsOf({ act: { sub: "bot-1", iss: "https://x.example" } })),
      "claims",
    ],
    ["with an actor without a name", token(key, claimsOf({ act: {} })), "claims"],
    ["bound to a key by DPoP", token(key, claimsOf({ cnf: { jkt: "x" } })), "bound-to-key"],
    [
      "bound to a certificate that is not there",
      token(key, claimsOf({ cnf: { "x5t#S256": "x" } })),
      "bound-to-key",
    ],
    [
      "for several audiences, without saying to whom it was issued",
      token(key, claimsOf({ aud: ["portreeve", "else"] })),
      "client",
    ],
    [
      "for several audiences, issued to a stranger",
      token(key, claimsOf({ aud: ["portreeve", "else"], azp: "stranger" })),
      "client",
    ],
  ])("%s", async (_, text, refusal) => {
    expect(await refusalOf(text)).toBe(refusal);
  });
});

test("a clock that differs within the tolerance is no reason to refuse", async () => {
  const seconds = NOW / 1_000;
  expect(await refusalOf(token(key, claimsOf({ exp: seconds - 29 })))).toBe("accepted");
  expect(await refusalOf(token(key, claimsOf({ iat: seconds + 29, nbf: seconds + 29 })))).toBe("accepted");
});

test("types that carry access are accepted, in any case", async () => {
  for (const typ of ["JWT", "at+jwt", "AT+JWT", "application/at+jwt"]) {
    expect(await refusalOf(token(key, claimsOf(), { typ }))).toBe("accepted");
  }
});

test("listed clients are the only ones whose tokens count", async () => {
  const clients = ["cli"];
  expect(await refusalOf(token(key, claimsOf()), { clients })).toBe("client");
  expect(await refusalOf(token(key, claimsOf({ azp: "web" })), { clients })).toBe("client");
  expect(await refusalOf(token(key, claimsOf({ azp: "cli" })), { clients })).toBe("accepted");
  expect(
    await refusalOf(token(key, claimsOf({ client_id: "cli", aud: ["a", "portreeve"] })), { clients }),
  ).toBe("accepted");
  expect(await refusalOf(token(key, claimsOf({ aud: "cli" })), { clients, audiences: ["cli"] })).toBe(
    "accepted",
  );
});

test("a token that is bound to the certificate of this connection is accepted", async () => {
  const certificate = Buffer.from("a leaf");
  const thumbprint = createHash("sha256").update(certificate).digest("base64url");
  const bound = token(key, claimsOf({ cnf: { "x5t#S256": thumbprint } }));
  expect(await refusalOf(bound, {}, { certificate })).toBe("accepted");
  expect(await refusalOf(bound, {}, { certificate: Buffer.from("another") })).toBe("bound-to-key");
});

test("an actor is the agent, and the subject the person behind it; of a chain of actors only the present one counts", async () => {
  const acting = claimsOf({ act: { sub: "bot-1", act: { sub: "bot-0" } } });
  expect(await verify(token(key, acting))).toMatchObject({
    credential: { agent: "triage", person: { user: "okta:alice@example.com" } },
  });
  // Somebody who is no agent here is named so that no policy can allow it.
  expect(await verify(token(key, claimsOf({ act: { sub: "bot-9" } })))).toMatchObject({
    credential: { agent: "okta:bot-9" },
  });
});

test("a subject that is an agent's is the agent, and asserts no person", async () => {
  const outcome = await verify(token(key, claimsOf({ sub: "bot-1", email: undefined })));
  expect(outcome).toMatchObject({ ok: true, credential: { agent: "triage", person: undefined } });
});

test("a token that is silent about groups is refused where a deny depends on them", async () => {
  const silent = token(key, claimsOf({ groups: undefined }));
  expect(await refusalOf(silent)).toBe("accepted");
  expect(await refusalOf(silent, {}, { needsGroups: true })).toBe("groups-missing");
  expect(await refusalOf(token(key, claimsOf({ groups: [] })), {}, { needsGroups: true })).toBe("accepted");
});

test("claims are found by name, and by path where no claim has the whole name", async () => {
  const roles = claimsOf({ groups: undefined, realm_access: { roles: ["dba"] } });
  expect(await verify(token(key, roles), { groupsClaim: "realm_access.roles" })).toMatchObject({
    credential: { person: { groups: ["okta:dba"] } },
  });
  const spaced = claimsOf({ "https://example.com/groups": "dba", groups: undefined });
  expect(await verify(token(key, spaced), { groupsClaim: "https://example.com/groups" })).toMatchObject({
    credential: { person: { groups: ["okta:dba"] } },
  });
  expect(await refusalOf(token(key, roles), { userClaim: "__proto__" })).toBe("claims");
});

function tampered(text: string): string {
  const [header = "", payload = "", signature = ""] = text.split(".");
  const claims = {
    ...(JSON.parse(Buffer.from(payload, "base64url").toString()) as object),
    email: "root@example.com",
  };
  return `${header}.${encode(claims)}.${signature}`;
}

import { describe, expect, test } from "vitest";
import { AwsVerifier } from "./aws.ts";
import { roleOfCaller } from "./caller-arn.ts";
import type { Answer, FetchOptions } from "./fetch-text.ts";
import { Replay } from "./replay.ts";
import { type AwsProvider, CALLER_IDENTITY, readSignedRequest } from "./signed-request.ts";
import { NOW } from "./test-issuer.ts";

const ENDPOINT = "sts.eu-west-1.amazonaws.com";
const ALICE = "192.0.2.1";
const DATE = "20261121T000000Z";
const provider: AwsProvider = {
  name: "prod",
  accounts: ["123456789012"],
  endpoint: ENDPOINT,
  audience: "portreeve",
  maxAge: 900_000,
  clockSkew: 30_000,
  session: 900_000,
  grace: 30_000,
};

interface Change {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly signed?: string;
  readonly scope?: string;
  readonly wire?: Readonly<Record<string, unknown>>;
  readonly signature?: string;
}

/** Well formed, though nobody could check its signature: these tests are about all that comes before STS. */
function request({
  headers = {},
  signed,
  scope,
  wire = {},
  signature = "a".repeat(64),
}: Change = {}): string {
  const names = signed ?? "content-type;host;x-amz-date;x-amz-security-token;x-portreeve-audience";
  const all = {
    "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    host: ENDPOINT,
    "x-amz-date": DATE,
    "x-amz-security-token": "token",
    "x-portreeve-audience": "portreeve",
    authorization: `AWS4-HMAC-SHA256 Credential=ASIAEXAMPLEEXAMPLE00/${scope ?? "20261121/eu-west-1/sts/aws4_request"}, SignedHeaders=${names}, Signature=${signature}`,
    ...headers,
  };
  const value = { method: "POST", url: `https://${ENDPOINT}/`, headers: all, body: CALLER_IDENTITY, ...wire };
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function answer(arn: string, account = "123456789012"): Answer {
  return {
    status: 200,
    type: "text/xml",
    text: `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${arn}</Arn><UserId>A:b</UserId><Account>${account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
  };
}

const SESSION = "arn:aws:sts::123456789012:assumed-role/dba/alice@example.com";

function verifier(reply: Answer | Error = answer(SESSION), replay = new Replay()) {
  const calls: { url: string; options: FetchOptions }[] = [];
  const aws = new AwsVerifier(async (url, options) => {
    calls.push({ url, options });
    if (reply instanceof Error) throw reply;
    return reply;
  }, replay);
  return { aws, calls };
}

const refusalOf = async (encoded: string, reply?: Answer | Error, at = NOW) => {
  const { aws, calls } = verifier(reply);
  const outcome = await aws.verify(encoded, [provider], ALICE, at);
  return { refusal: outcome.ok ? "accepted" : outcome.refusal, asked: calls.length };
};

test("a request that STS vouches for names the role, and goes to the configured endpoint with its signed headers alone", async () => {
  const { aws, calls } = verifier();
  const outcome = await aws.verify(
    request({ headers: { "x-unsigned": "1", accept: "text/evil" } }),
    [provider],
    ALICE,
    NOW,
  );
  expect(outcome).toMatchObject({
    ok: true,
    credential: {
      provider: "prod",
      issuer: ENDPOINT,
      person: { awsRole: "arn:aws:iam::123456789012:role/dba" },
      session: "alice@example.com",
      expires: NOW + 900_000,
      until: NOW + 930_000,
    },
  });
  expect(calls).toHaveLength(1);
  expect(calls[0]?.url).toBe(`https://${ENDPOINT}/`);
  expect(calls[0]?.options).toMatchObject({ method: "POST", body: CALLER_IDENTITY });
  expect(Object.keys(calls[0]?.options.headers ?? {}).sort()).toEqual([
    "authorization",
    "content-type",
    "host",
    "x-amz-date",
    "x-amz-security-token",
    "x-portreeve-audience",
  ]);
});

describe("STS is not even asked about a request", () => {
  const without = "content-type;host;x-amz-date;x-amz-security-token";
  test.each<[string, string, string]>([
    ["for another host", request({ wire: { url: "https://sts.us-east-1.amazonaws.com/" } }), "request"],
    ["for the global endpoint", request({ wire: { url: "https://sts.amazonaws.com/" } }), "request"],
    [
      "for a host of the sender's",
      request({ wire: { url: "https://sts.eu-west-1.amazonaws.com.evil.example/" } }),
      "request",
    ],
    ["over plain HTTP", request({ wire: { url: `http://${ENDPOINT}/` } }), "request"],
    ["with user information in the URL", request({ wire: { url: `https://evil@${ENDPOINT}/` } }), "request"],
    ["with a query", request({ wire: { url: `https://${ENDPOINT}/?Action=AssumeRole` } }), "request"],
    [
      "whose signed host is another",
      request({ headers: { host: "sts.us-east-1.amazonaws.com" } }),
      "request",
    ],
    [
      "for another action",
      request({ wire: { body: "Action=GetSessionToken&Version=2011-06-15" } }),
      "request",
    ],
    ["with more in the body", request({ wire: { body: `${CALLER_IDENTITY}&Action=AssumeRole` } }), "request"],
    ["by GET", request({ wire: { method: "GET" } }), "request"],
    ["with fields that nobody knows", request({ wire: { path: "/" } }), "request"],
    ["without a signed audience", request({ signed: without }), "request"],
    ["for another audience", request({ headers: { "x-portreeve-audience": "other" } }), "audience"],
    ["without its audience", request({ headers: { "x-portreeve-audience": undefined } }), "request"],
    [
      "whose date is not signed",
      request({ signed: "host;x-amz-security-token;x-portreeve-audience" }),
      "request",
    ],
    [
      "whose session token is not signed",
      request({ signed: "host;x-amz-date;x-portreeve-audience" }),
      "request",
    ],
    ["with an audience given twice", request({ headers: { "X-Portreeve-Audience": "other" } }), "request"],
    [
      "with a line break in a header",
      request({ headers: { "x-amz-security-token": "a\r\nx: y" } }),
      "request",
    ],
    [
      "that signs a length of its own",
      request({ signed: `${without};transfer-encoding;x-portreeve-audience` }),
      "request",
    ],
    ["of another service's scope", request({ scope: "20261121/eu-west-1/iam/aws4_request" }), "request"],
    ["of another region's scope", request({ scope: "20261121/us-east-1/sts/aws4_request" }), "request"],
    ["of another day's scope", request({ scope: "20261120/eu-west-1/sts/aws4_request" }), "request"],
    ["without a date", request({ headers: { "x-amz-date": "today" } }), "request"],
    ["from the future", request({ headers: { "x-amz-date": "20261121T000031Z" } }), "not-yet-valid"],
    ["that is no JSON", "e30x", "malformed"],
    ["that is no base64url", "{}", "malformed"],
    ["longer than one may be", "A".repeat(17_000), "too-large"],
  ])("%s", async (_, encoded, refusal) => {
    expect(await refusalOf(encoded)).toEqual({ refusal, asked: 0 });
  });

  test("older than a quarter of an hour, by its own date", async () => {
    expect(await refusalOf(request(), undefined, NOW + 900_000)).toEqual({ refusal: "accepted", asked: 1 });
    expect(await refusalOf(request(), undefined, NOW + 901_000)).toEqual({ refusal: "expired", asked: 0 });
  });
});

describe("what STS says is refused when it is", () => {
  test.each<[string, Answer | Error, string]>([
    ["no", { status: 403, type: "", text: "<Error><Code>SignatureDoesNotMatch</Code></Error>" }, "signature"],
    [
      "a role of another account",
      answer("arn:aws:sts::999999999999:assumed-role/dba/x1", "999999999999"),
      "account",
    ],
    ["an account that is not the role's", answer(SESSION, "999999999999"), "account"],
    ["a user", answer("arn:aws:iam::123456789012:user/alice"), "identity"],
    ["the root", answer("arn:aws:iam::123456789012:root"), "identity"],
    ["a federated user", answer("arn:aws:sts::123456789012:federated-user/alice"), "identity"],
    ["of another partition", answer("arn:aws-cn:sts::123456789012:assumed-role/dba/x1"), "identity"],
    [
      "two identities",
      { ...answer(SESSION), text: `${answer(SESSION).text}<Arn>${SESSION}</Arn>` },
      "identity",
    ],
    ["a page", { status: 200, type: "text/html", text: "<html>" }, "identity"],
    ["nothing in time", new Error("no answer"), "unavailable"],
    ["an error of its own", { status: 503, type: "", text: "" }, "unavailable"],
    ["throttling", { status: 400, type: "", text: "<Code>Throttling</Code>" }, "unavailable"],
  ])("%s", async (_, reply, refusal) => {
    expect((await refusalOf(request(), reply)).refusal).toBe(refusal);
  });
});

test("a request serves once, also when it comes twice at the same time; one that STS did not vouch for may be tried again", async () => {
  const { aws, calls } = verifier();
  const both = await Promise.all([
    aws.verify(request(), [provider], ALICE, NOW),
    aws.verify(request(), [provider], ALICE, NOW),
  ]);
  expect(both.filter(({ ok }) => ok)).toHaveLength(1);
  expect(await aws.verify(request(), [provider], ALICE, NOW + 929_999)).toMatchObject({ ok: false });
  expect(calls).toHaveLength(1);
  const down = verifier(new Error("down"));
  expect(await down.aws.verify(request(), [provider], ALICE, NOW)).toMatchObject({ refusal: "unavailable" });
  expect(await down.aws.verify(request(), [provider], ALICE, NOW)).toMatchObject({ refusal: "unavailable" });
  expect(down.calls).toHaveLength(2);
});

describe("questions to STS at one time", () => {
  /** As many as are said, from each of the addresses, while STS does not answer. */
  function hung(from: Readonly<Record<string, number>>) {
    const waiting: (() => void)[] = [];
    const aws = new AwsVerifier(
      () => new Promise((done) => waiting.push(() => done(answer(SESSION)))),
      new Replay(),
    );
    let signature = 0;
    const ask = (address: string) => {
      signature += 1;
      return aws.verify(
        request({ signature: signature.toString(16).padStart(64, "0") }),
        [provider],
        address,
        NOW,
      );
    };
    const asked = Object.entries(from).flatMap(([address, times]) =>
      Array.from({ length: times }, () => ask(address)),
    );
    const release = async () => {
      await new Promise((done) => setImmediate(done));
      for (const reply of waiting.splice(0)) reply();
    };
    return { ask, asked, release, waiting };
  }

  test("of one stranger do not keep another client from asking; what is refused says so", async () => {
    const { ask, asked, release } = hung({ "198.51.100.9": 16 });
    expect(await ask("198.51.100.9")).toEqual({
      ok: false,
      refusal: "unavailable",
      why: "too many requests to STS are under way from 198.51.100.9; try again",
      provider: "prod",
    });
    const other = ask(ALICE);
    await release();
    expect(await other).toMatchObject({ ok: true });
    expect((await Promise.all(asked)).every(({ ok }) => ok)).toBe(true);
    // Given back.
    const again = ask("198.51.100.9");
    await release();
    expect(await again).toMatchObject({ ok: true });
  });

  test("are bounded in all, whoever asks", async () => {
    const addresses = Array.from({ length: 64 }, (_, index) => [`198.51.100.${index}`, 1] as const);
    const { ask, waiting } = hung(Object.fromEntries(addresses));
    expect(await ask(ALICE)).toMatchObject({ why: expect.stringContaining("under way in all") });
    expect(waiting).toHaveLength(64);
  });
});

test("what nobody was let in on is not remembered: genuine requests of other accounts do not fill the memory", async () => {
  const replay = new Replay();
  const foreign = answer("arn:aws:sts::999999999999:assumed-role/any/x1", "999999999999");
  for (const reply of [foreign, answer("arn:aws:iam::123456789012:user/alice"), new Error("down")]) {
    await verifier(reply, replay).aws.verify(request(), [provider], ALICE, NOW);
  }
  expect(replay.size).toBe(0);
  await verifier(answer(SESSION), replay).aws.verify(request(), [provider], ALICE, NOW);
  expect(replay.size).toBe(1);
});

test("a memory that is full refuses rather than forgets", () => {
  const replay = new Replay(2);
  expect(replay.use("a", NOW + 10, NOW)).toBe("first");
  expect(replay.use("b", NOW + 20, NOW)).toBe("first");
  expect(replay.use("c", NOW + 30, NOW)).toBe("full");
  expect(replay.use("a", NOW + 10, NOW)).toBe("replayed");
  expect(replay.use("c", NOW + 30, NOW + 10)).toBe("first");
  expect(replay.use("b", NOW + 30, NOW + 11)).toBe("replayed");
});

test("a role is known by its name in its account; people of IAM Identity Center by their role, and by name in the record", () => {
  const sso = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_DBA_0123456789abcdef/alice@example.com";
  expect(roleOfCaller(sso, "eu-west-1")).toEqual({
    role: "arn:aws:iam::123456789012:role/AWSReservedSSO_DBA_0123456789abcdef",
    account: "123456789012",
    session: "alice@example.com",
  });
  expect(roleOfCaller("arn:aws-us-gov:sts::123456789012:assumed-role/dba/x1", "us-gov-west-1").role).toBe(
    "arn:aws-us-gov:iam::123456789012:role/dba",
  );
});

test("the date and the region of a request are read from what is signed", () => {
  expect(readSignedRequest(request(), new Set([ENDPOINT]))).toMatchObject({
    signedAt: NOW,
    region: "eu-west-1",
  });
});

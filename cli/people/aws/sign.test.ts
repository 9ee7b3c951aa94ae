/**
 * The signed request is checked by the proxy's own reader, and its signature by a calculation of AWS's published steps that
 * has nothing from the signer. That STS itself accepts it needs an AWS account, and is not proven here.
 */
import { createHash, createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CALLER_IDENTITY, readSignedRequest } from "../../../proxy-image/credentials/signed-request.ts";
import { Authorizer } from "../authorization.ts";
import { awsKeys, signedIdentity } from "./sign.ts";

const IDENTITY = { type: "aws", region: "eu-central-1", audience: "portreeve" } as const;
const KEYS = { accessKeyId: "AKIAEXAMPLEEXAMPLE12", secretAccessKey: "not-a-secret" };
const NOW = new Date("2027-01-01T10:00:00Z");
const ENDPOINT = "sts.eu-central-1.amazonaws.com";

const read = (header: string) => readSignedRequest(header.replace("AWS4-STS ", ""), new Set([ENDPOINT]));

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** "Create a signed AWS API request", AWS IAM user guide: canonical request, string to sign, derived key. */
function signatureOf(headers: Readonly<Record<string, string>>, secret: string): string {
  const names = /SignedHeaders=([^,]+)/.exec(headers["authorization"] ?? "")?.[1] ?? "";
  const lines = names
    .split(";")
    .map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}\n`);
  const canonical = ["POST", "/", "", lines.join(""), names, sha256(CALLER_IDENTITY)].join("\n");
  const date = headers["x-amz-date"] ?? "";
  const scope = [date.slice(0, 8), "eu-central-1", "sts", "aws4_request"];
  const key = scope.reduce<string | Buffer>((derived, part) => hmac(derived, part), `AWS4${secret}`);
  return hmac(key, ["AWS4-HMAC-SHA256", date, scope.join("/"), sha256(canonical)].join("\n")).toString("hex");
}

describe("a signed GetCallerIdentity request", () => {
  it("is one that the proxy reads, for this audience, region and moment, with a right signature", async () => {
    const request = read(await signedIdentity(IDENTITY, KEYS, NOW));
    expect(request).toMatchObject({ endpoint: ENDPOINT, region: "eu-central-1", audience: "portreeve" });
    expect(request.signedAt).toBe(NOW.getTime());
    expect(request.signature).toBe(signatureOf(request.headers, KEYS.secretAccessKey));
    expect(request.signature).not.toBe(signatureOf(request.headers, "another"));
  });

  it("carries the session's token signed, and never the secret", async () => {
    const header = await signedIdentity(IDENTITY, { ...KEYS, sessionToken: "session/+=" }, NOW);
    const request = read(header);
    expect(request.headers["x-amz-security-token"]).toBe("session/+=");
    expect(request.signature).toBe(signatureOf(request.headers, KEYS.secretAccessKey));
    expect(Buffer.from(header.slice(9), "base64url").toString()).not.toContain(KEYS.secretAccessKey);
  });

  it("is another each time, so that two of one second are no replay", async () => {
    const [first, second] = [
      await signedIdentity(IDENTITY, KEYS, NOW),
      await signedIdentity(IDENTITY, KEYS, NOW),
    ];
    expect(read(first).signature).not.toBe(read(second).signature);
  });

  it("names the partition's endpoint in China", async () => {
    const header = await signedIdentity({ ...IDENTITY, region: "cn-north-1" }, KEYS, NOW);
    expect(Buffer.from(header.slice(9), "base64url").toString()).toContain(
      "https://sts.cn-north-1.amazonaws.com.cn/",
    );
  });
});

describe("AWS keys", () => {
  const before = { ...process.env };
  beforeEach(() => {
    process.env["AWS_EC2_METADATA_DISABLED"] = "true";
    process.env["AWS_CONFIG_FILE"] = "/nonexistent";
    process.env["AWS_SHARED_CREDENTIALS_FILE"] = "/nonexistent";
  });
  afterEach(() => {
    process.env = { ...before };
  });

  it("are those that AWS's own tools would find, and are signed with anew for each request", async () => {
    process.env["AWS_ACCESS_KEY_ID"] = KEYS.accessKeyId;
    process.env["AWS_SECRET_ACCESS_KEY"] = KEYS.secretAccessKey;
    const authorizer = new Authorizer({ name: "aws", proxy: { address: "p:1" }, identity: IDENTITY });
    const [first, second] = [await authorizer.get(), await authorizer.get()];
    expect(read(first.header).signature).not.toBe(read(second.header).signature);
    expect(first.expires).toBeUndefined();
  });

  it("that are not there are told of", async () => {
    delete process.env["AWS_ACCESS_KEY_ID"];
    await expect(awsKeys(IDENTITY)).rejects.toThrow(/^no AWS credentials: /);
  });
});

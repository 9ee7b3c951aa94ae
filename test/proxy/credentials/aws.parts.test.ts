/**
 * People and scripts with an AWS role on the shared port. Real STS cannot be reached from a test: a front that checks
 * signatures as AWS documents them stands in for it, before an emulator that knows whose keys they are. What signs is not
 * ours: the AWS SDK for JavaScript, and botocore.
 */
import { execFileSync } from "node:child_process";
import { createHash, createHmac, randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { type MotoServer, startMoto } from "../../cluster/servers.ts";
import { part } from "../../toolchain/parts.ts";
import { type Backend, startBackend, startProxy, type TestProxy } from "../harness.ts";
import { ask, tryConnect, type Wire } from "./http.ts";
import { type Keys, VerifyingSts } from "./sts.ts";

const REGION = "eu-west-1";
const HOST = `sts.${REGION}.amazonaws.com`;
const BODY = "Action=GetCallerIdentity&Version=2011-06-15";
const ACCOUNT = "123456789012";

let scope: Scope;
let moto: MotoServer;
let sts: VerifyingSts;
let backend: Backend;
let proxy: TestProxy;
let wire: Wire;
let dba: Keys;
let stranger: Keys;

beforeAll(async () => {
  scope = await openScope("proxy-aws");
  moto = await startMoto();
  scope.onStop(() => moto.stop());
  sts = new VerifyingSts(moto.endpoint);
  const [port = 0, stsPort = 0] = await freePorts(2);
  const stsUrl = await sts.start(scope, stsPort);
  dba = await session("/teams/data/", "dba", "alice@example.com");
  stranger = await session("/", "stranger", "mallory");
  backend = await startBackend(scope);
  proxy = await startProxy(scope, {
    listeners: [{ name: "shared", mode: "connect", bind: "127.0.0.1", port }],
    services: [
      { name: "orders-db", ports: [{ port: 5432 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [
      {
        id: "dba",
        action: "allow",
        service: "orders-db",
        // As IAM names it, path and all: a session's ARN has no path.
        subjects: { awsRoles: [`arn:aws:iam::${ACCOUNT}:role/teams/data/dba`] },
      },
    ],
    identityProviders: {
      aws: [{ name: "prod", accounts: [ACCOUNT], endpoint: HOST, audience: "portreeve", stsUrl }],
    },
  });
  wire = { proxy, port };
});

afterAll(() => scope?.stop());

/** Keys of a session of a fresh role, as AssumeRole gives them. */
async function session(path: string, role: string, name: string): Promise<Keys> {
  const client = {
    endpoint: moto.endpoint,
    region: REGION,
    credentials: { accessKeyId: "AKIAADMIN", secretAccessKey: "x" },
  };
  await new IAMClient(client).send(
    new CreateRoleCommand({
      RoleName: role,
      Path: path,
      AssumeRolePolicyDocument: '{"Version":"2012-10-17","Statement":[]}',
    }),
  );
  const arn = `arn:aws:iam::${ACCOUNT}:role${path}${role}`;
  const { Credentials: given } = await new STSClient(client).send(
    new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: name }),
  );
  const keys = {
    accessKeyId: given?.AccessKeyId ?? "",
    secretAccessKey: given?.SecretAccessKey ?? "",
    sessionToken: given?.SessionToken ?? "",
  };
  sts.keys.set(keys.accessKeyId, keys);
  return keys;
}

interface Signing {
  readonly audience?: string;
  readonly host?: string;
  readonly region?: string;
  readonly body?: string;
  readonly date?: Date;
}

/** Signed by the AWS SDK's own signer. */
async function sign(
  keys: Keys,
  { audience = "portreeve", host = HOST, region = REGION, body = BODY, date = new Date() }: Signing = {},
): Promise<string> {
  const signer = new SignatureV4({ service: "sts", region, credentials: keys, sha256: NodeSha256 });
  const signed = await signer.sign(
    {
      method: "POST",
      protocol: "https:",
      hostname: host,
      path: "/",
      query: {},
      headers: {
        host,
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "x-portreeve-audience": audience,
        "x-portreeve-nonce": randomUUID(),
      },
      body,
    },
    { signingDate: date },
  );
  return wireOf({ method: "POST", url: `https://${host}/`, headers: signed.headers, body });
}

function wireOf(value: unknown): string {
  return `AWS4-STS ${Buffer.from(JSON.stringify(value)).toString("base64url")}`;
}

class NodeSha256 {
  #data: Buffer[] = [];
  readonly #key: string | ArrayBuffer | ArrayBufferView | undefined;
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#key = key;
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#data.push(bytesOf(data));
  }
  async digest(): Promise<Uint8Array> {
    const hash = this.#key === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(this.#key));
    return hash.update(Buffer.concat(this.#data)).digest();
  }
  reset(): void {
    this.#data = [];
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === "string") return Buffer.from(data);
  return data instanceof ArrayBuffer
    ? Buffer.from(data)
    : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

async function refusalOf(authorization: string): Promise<string> {
  const answer = await tryConnect(wire, "orders-db:5432", authorization);
  expect(answer.status).toBe(407);
  const record = await proxy.record({ connection: answer.json()["connection"] });
  return String(record["error"]).split(":", 1)[0] ?? "";
}

test("a session of a role reaches what the role is granted; the record names the role and the session", async () => {
  expect(await tryConnect(wire, "orders-db:5432", await sign(dba))).toMatchObject({
    status: 200,
    body: "hello",
  });
  const record = await proxy.record({ "src.role": `arn:aws:iam::${ACCOUNT}:role/dba` });
  expect(record).toMatchObject({
    verdict: "allow",
    rule: "dba",
    "src.role_session": "alice@example.com",
    "credential.issuer": HOST,
  });
  expect((await ask(wire, "/v1/access", await sign(dba))).json()).toMatchObject({
    principal: { awsRole: `arn:aws:iam::${ACCOUNT}:role/dba` },
    services: [{ service: "orders-db" }],
  });
});

test("botocore signs what is accepted, too", async () => {
  const { path } = await part("moto");
  const code = `
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
k = json.loads(sys.argv[1])
r = AWSRequest(method="POST", url="https://${HOST}/", data="${BODY}", headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "X-Portreeve-Audience": "portreeve", "Host": "${HOST}"})
SigV4Auth(Credentials(k["accessKeyId"], k["secretAccessKey"], k["sessionToken"]), "sts", "${REGION}").add_auth(r)
print(json.dumps({"method": "POST", "url": r.url, "headers": dict(r.headers.items()), "body": "${BODY}"}))
`;
  const signed = execFileSync("python3", ["-c", code, JSON.stringify(dba)], {
    env: { ...process.env, PYTHONPATH: join(dirname(path), "../site") },
    encoding: "utf8",
  });
  expect(await tryConnect(wire, "orders-db:5432", wireOf(JSON.parse(signed)))).toMatchObject({
    status: 200,
    body: "hello",
  });
});

test("a role without a grant is told so, and no role of others", async () => {
  const answer = await tryConnect(wire, "orders-db:5432", await sign(stranger));
  expect(answer.status).toBe(403);
  expect(answer.json()).toMatchObject({
    error: "access_denied",
    missing: { awsRoles: [`arn:aws:iam::${ACCOUNT}:role/stranger`] },
  });
  expect(answer.body).not.toContain("role/dba");
});

test("a request serves once", async () => {
  const once = await sign(dba);
  expect((await tryConnect(wire, "orders-db:5432", once)).status).toBe(200);
  expect(await refusalOf(once)).toBe("replayed");
});

test("one that is changed, or signed with other keys, is refused by STS", async () => {
  expect(await refusalOf(await sign({ ...dba, secretAccessKey: "guessed" }))).toBe("signature");
  const [scheme, encoded = ""] = (await sign(dba)).split(" ");
  const value = JSON.parse(Buffer.from(encoded, "base64url").toString()) as {
    headers: Record<string, string>;
  };
  value.headers["x-portreeve-nonce"] = "other";
  expect(await refusalOf(`${scheme} ${Buffer.from(JSON.stringify(value)).toString("base64url")}`)).toBe(
    "signature",
  );
});

test("one that is old, early, for another audience, host, region or action never gets to STS", async () => {
  const before = sts.seen.length;
  expect(await refusalOf(await sign(dba, { date: new Date(Date.now() - 16 * 60_000) }))).toBe("expired");
  expect(await refusalOf(await sign(dba, { date: new Date(Date.now() + 60_000) }))).toBe("not-yet-valid");
  expect(await refusalOf(await sign(dba, { audience: "another-proxy" }))).toBe("audience");
  expect(await refusalOf(await sign(dba, { host: "sts.us-east-1.amazonaws.com", region: "us-east-1" }))).toBe(
    "request",
  );
  expect(await refusalOf(await sign(dba, { region: "us-east-1" }))).toBe("request");
  expect(await refusalOf(await sign(dba, { body: "Action=GetSessionToken&Version=2011-06-15" }))).toBe(
    "request",
  );
  expect(sts.seen.length).toBe(before);
});

test("an STS that cannot be reached is said to be so, and nobody is let in", async () => {
  const result = await proxy.reconfigure((config) => ({
    ...config,
    identityProviders: {
      aws: config.identityProviders?.aws?.map((one) => ({ ...one, stsUrl: "http://127.0.0.1:1/" })),
    },
  }));
  expect(result).toMatchObject({ result: "applied" });
  const answer = await tryConnect(wire, "orders-db:5432", await sign(dba));
  expect(answer.status).toBe(503);
  expect(answer.json()).toMatchObject({ error: "unavailable", message: "STS cannot be reached" });
});

test("no signature, key or session token is written anywhere", async () => {
  const written = [JSON.stringify(proxy.records()), proxy.running.log()].join("\n");
  for (const secret of [dba.sessionToken, dba.secretAccessKey, dba.accessKeyId, "Signature="])
    expect(written).not.toContain(secret);
});

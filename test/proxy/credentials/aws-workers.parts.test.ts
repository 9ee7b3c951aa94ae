/**
 * A signed AWS request serves once at a proxy with several workers, whichever of them it comes to, also when one is started
 * anew. STS is a stand-in that vouches for everything: what a signature is worth is `aws.parts.test.ts`.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CALLER_IDENTITY } from "../../../proxy-image/credentials/signed-request.ts";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { until } from "../../cluster/until.ts";
import { startBackend, startProxy, type TestProxy } from "../harness.ts";
import { tryConnect, type Wire } from "./http.ts";

const HOST = "sts.eu-west-1.amazonaws.com";
const ROLE = "arn:aws:iam::123456789012:role/dba";
const WORKERS = 3;
/** With so many tries the odds that the kernel gives all of them to one of three sockets are nil. */
const TRIES = 30;

let scope: Scope;
let proxy: TestProxy;
let wire: Wire;

beforeAll(async () => {
  scope = await openScope("aws-workers");
  const backend = await startBackend(scope);
  const [port = 0, stsPort = 0] = await freePorts(2);
  const sts = createServer((request, response) => {
    request.resume();
    response.end(
      "<GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/dba/alice</Arn>" +
        "<Account>123456789012</Account></GetCallerIdentityResult>",
    );
  });
  await new Promise<void>((done) => void sts.listen(stsPort, "127.0.0.1", done));
  scope.onStop(() => void sts.close());
  proxy = await startProxy(scope, {
    workers: WORKERS,
    listeners: [{ name: "shared", mode: "connect", bind: "127.0.0.1", port }],
    services: [
      { name: "orders-db", ports: [{ port: 5432 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [{ id: "dba", action: "allow", service: "orders-db", subjects: { awsRoles: [ROLE] } }],
    identityProviders: {
      aws: [
        {
          name: "prod",
          accounts: ["123456789012"],
          endpoint: HOST,
          audience: "portreeve",
          stsUrl: `http://127.0.0.1:${stsPort}/`,
        },
      ],
    },
  });
  wire = { proxy, port };
});

afterAll(() => scope?.stop());

let signatures = 0;

/** Well formed, and another each time. */
function request(): string {
  signatures += 1;
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const headers = {
    host: HOST,
    "x-amz-date": date,
    "x-portreeve-audience": "portreeve",
    authorization:
      `AWS4-HMAC-SHA256 Credential=ASIAEXAMPLEEXAMPLE00/${date.slice(0, 8)}/eu-west-1/sts/aws4_request, ` +
      "SignedHeaders=host;x-amz-date;x-portreeve-audience, " +
      `Signature=${signatures.toString(16).padStart(64, "0")}`,
  };
  const value = { method: "POST", url: `https://${HOST}/`, headers, body: CALLER_IDENTITY };
  return `AWS4-STS ${Buffer.from(JSON.stringify(value)).toString("base64url")}`;
}

async function statuses(authorization: string, tries: number): Promise<number[]> {
  const found: number[] = [];
  // One after the other: of those at the same time one address may have a quarter of all questions.
  for (let index = 0; index < tries; index++) {
    found.push((await tryConnect(wire, "orders-db:5432", authorization)).status);
  }
  return found;
}

const workers = (): string[] => {
  const { pid } = proxy.running;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
};

test("a request serves once, whichever worker it comes to, and the next one serves again", async () => {
  const once = request();
  const [first, ...rest] = await statuses(once, TRIES);
  expect(first).toBe(200);
  expect(new Set(rest)).toEqual(new Set([407]));
  expect(await statuses(request(), 1)).toEqual([200]);
});

test("it is remembered when workers are killed and started anew", async () => {
  const once = request();
  expect(await statuses(once, 1)).toEqual([200]);
  const before = workers();
  for (const pid of before) process.kill(Number(pid), "SIGKILL");
  await until("there are other workers", 20, async () => {
    const now = workers();
    return now.length === WORKERS && now.every((pid) => !before.includes(pid));
  });
  await until("they serve", 20, async () => {
    const { status } = await tryConnect(wire, "orders-db:5432", request()).catch(() => ({ status: 0 }));
    return status === 200;
  });
  expect(new Set(await statuses(once, TRIES))).toEqual(new Set([407]));
});

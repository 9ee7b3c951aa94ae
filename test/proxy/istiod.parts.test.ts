/**
 * The proxy's certificate from istiod's CA, over real gRPC, with lifetimes of seconds. That istiod itself answers so is
 * held by `test/mesh`; that a token is refused, by istiod, not here.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findBun } from "../../cli/proxy/find-bun.ts";
import { type Authority, createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { run } from "../toolchain/run.ts";
import { API, readToEnd, startBackend, startProxy, type TestProxy, TRUST_DOMAIN } from "./harness.ts";
import { type Asked, ISTIOD, type IstiodStandIn, sign, startIstiodStandIn } from "./istiod-stand-in.ts";

const OWN = `spiffe://${TRUST_DOMAIN}/ns/portreeve/sa/portreeve-proxy`;
/** Renewed at half of it; long enough that a busy machine does not let it end. */
const SECONDS = 8;

let scope: Scope;
let mesh: Authority;
let istiod: IstiodStandIn;
let proxy: TestProxy;
let port = 0;
let beforeFirst: { status: number; text: string };
const tokenOf = (name: string) =>
  `e30.${Buffer.from(JSON.stringify({ sub: "system:serviceaccount:portreeve:portreeve-proxy", name })).toString("base64url")}.x`;
const tokenFile = () => join(scope.dir, "istio-token");

beforeAll(async () => {
  scope = await openScope("proxy-istiod");
  mesh = createAuthority("mesh root");
  istiod = await startIstiodStandIn(scope, mesh, () => Promise.reject(new Error("not yet")));
  writeFileSync(tokenFile(), tokenOf("first"));
  writeFileSync(join(scope.dir, "root.pem"), mesh.cert);
  const [free = 0, metrics = 0] = await freePorts(2);
  port = free;
  const backend = await startBackend(scope);
  const starting = startProxy(scope, {
    trust: { trustDomain: TRUST_DOMAIN },
    certificate: {
      source: "istiod",
      address: `127.0.0.1:${istiod.port}`,
      serverName: ISTIOD,
      ca: join(scope.dir, "root.pem"),
      token: tokenFile(),
      clusterId: "east",
      lifetime: "90s",
    },
    metrics: { bind: "127.0.0.1", port: metrics },
    listeners: [{ name: "l", mode: "mtls", bind: "127.0.0.1", port, service: "s" }],
    services: [
      {
        name: "s",
        ports: [{ port: 1, protocol: "tcp" }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
      },
    ],
    rules: [{ id: "r", action: "allow", service: "s", subjects: { workloads: [API] } }],
  });
  const ready = () => fetch(`http://127.0.0.1:${metrics}/readyz`);
  await until("a refusal by istiod", 20, async () => (await (await ready()).text()).includes("not yet"));
  const response = await ready();
  beforeFirst = { status: response.status, text: await response.text() };
  istiod.answer = async (asked) => sign(mesh, asked, { uri: OWN, seconds: SECONDS });
  proxy = await starting;
});

afterAll(() => scope?.stop());

/** Connects as a sidecar does: the proxy is verified by its chain; its certificate has no host name. */
async function connect(authority: Authority = mesh): Promise<TLSSocket> {
  const { cert, key } = createLeaf("api", authority, { uris: [API] });
  const socket = tlsConnect({
    host: "127.0.0.1",
    port,
    ca: mesh.cert,
    cert,
    key,
    checkServerIdentity: () => undefined,
  });
  await once(socket, "secureConnect");
  return socket;
}

async function echo(socket: TLSSocket, text: string): Promise<void> {
  const answer = new Promise<string>((done) => {
    socket.once("data", (data: Buffer) => done(data.toString()));
  });
  socket.write(text);
  expect(await answer).toBe(text);
}

const counted = async (result: "ok" | "failed") =>
  Number(
    new RegExp(`portreeve_certificate_requests_total\\{result="${result}"\\} (\\d+)`).exec(
      await proxy.metrics(),
    )?.[1] ?? 0,
  );

describe("a certificate from istiod", () => {
  test("is what readiness waits for, and says why it is not there", () => {
    expect(beforeFirst.status).toBe(503);
    expect(beforeFirst.text).toContain("no certificate yet: gRPC status 16: not yet");
  });

  test("is asked for with token, cluster, lifetime and the SPIFFE ID of the token's account", async () => {
    const [asked] = istiod.asked;
    expect(asked).toMatchObject({
      token: `Bearer ${tokenOf("first")}`,
      clusterId: "east",
      validitySeconds: 90,
    });
    const text = execFileSync("openssl", ["req", "-noout", "-text"], { input: asked?.csr }).toString();
    expect(text).toContain(`URI:${OWN}`);
  });

  test("is shown to workloads of the mesh, whose root is the bundle", async () => {
    const socket = await connect();
    expect(socket.getPeerCertificate().subjectaltname).toBe(`URI:${OWN}`);
    await echo(socket, "hello");
    socket.end();
    const refused = await connect(createAuthority("stranger"));
    expect((await readToEnd(refused)).toString()).toBe("");
  });

  test("is renewed with a new key and the token of the moment, and live connections go on", async () => {
    const socket = await connect();
    const before = socket.getPeerX509Certificate();
    writeFileSync(tokenFile(), tokenOf("second"));
    await until("a request with the new token", 20, () =>
      istiod.asked.some(({ token }) => token === `Bearer ${tokenOf("second")}`),
    );
    await until("the new certificate", 20, async () => {
      const other = await connect();
      const after = other.getPeerX509Certificate();
      other.destroy();
      return (
        after?.fingerprint256 !== before?.fingerprint256 &&
        !after?.publicKey.equals(before?.publicKey ?? never())
      );
    });
    await echo(socket, "still here");
    socket.end();
  });

  test("stays in use while istiod refuses; the failures are counted; then it expires and readiness goes", async () => {
    istiod.answer = () => Promise.reject(new Error("away"));
    const failed = await counted("failed");
    await until("a failure", 20, async () => (await counted("failed")) > failed);
    const socket = await connect();
    await echo(socket, "on the old one");
    socket.end();
    const readiness = async () => (await fetch(`http://127.0.0.1:${proxy.metricsPort}/readyz`)).text();
    await until("expiry", 20, async () => (await readiness()).includes("the certificate expired at"));
    istiod.answer = async (asked) => sign(mesh, asked, { uri: OWN, seconds: 3_600 });
    await until("readiness", 60, async () => (await readiness()) === "ready\n");
    const expiry = /portreeve_certificate_expiry_seconds\{worker="0"\} (\d+)/.exec(await proxy.metrics());
    expect(Number(expiry?.[1]) * 1_000).toBeGreaterThan(Date.now() + 3_000_000);
  });

  test("never has its key on disk", () => {
    const texts = readdirSync(scope.dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), "utf8")] as const);
    const keys = texts.filter(([, text]) => text.includes("PRIVATE KEY")).map(([name]) => name);
    // The harness's own, which this configuration does not use.
    expect(keys).toEqual(["proxy.key.pem"]);
  });
});

describe("is refused", () => {
  const source = (ca: string, serverName: string) => ({
    source: "istiod" as const,
    address: `127.0.0.1:${istiod.port}`,
    serverName,
    ca,
    token: tokenFile(),
    clusterId: "east",
    lifetime: 90_000,
  });

  /** Under the proxy's own runtime. */
  async function issueUnderBun(ca: string, serverName: string): Promise<string> {
    const module = join(import.meta.dirname, "../../proxy-image/istiod/issue.ts");
    const script = `import { issue } from ${JSON.stringify(module)};
      issue(${JSON.stringify(source(ca, serverName))}, ${JSON.stringify(TRUST_DOMAIN)}).then(
        () => console.log("issued"), (error) => console.log(error.code ?? "", error.message));`;
    return run(findBun() ?? "bun", ["-e", script]);
  }

  test("an istiod that the CA file does not vouch for, and one of another name, before the token is sent", async () => {
    const stranger = join(scope.dir, "stranger.pem");
    writeFileSync(stranger, createAuthority("stranger").cert);
    const root = join(scope.dir, "root.pem");
    const asked = istiod.asked.length;
    expect(await issueUnderBun(stranger, ISTIOD)).toMatch(/certificate|CERT|verify/i);
    expect(await issueUnderBun(root, "other.istio-system.svc")).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/);
    expect(istiod.asked.length).toBe(asked);
    expect(await issueUnderBun(root, ISTIOD)).toContain("issued");
  });

  test.each([
    [
      "for another key",
      () => [createLeaf("proxy", mesh, { uris: [OWN] }).cert, mesh.cert],
      /not for the key/,
    ],
    [
      "of another trust domain",
      (asked: Asked) => sign(mesh, asked, { uri: OWN.replace(TRUST_DOMAIN, "other.org"), seconds: 60 }),
      /not in trust domain/,
    ],
    [
      "with a root that did not sign it",
      (asked: Asked) => [
        ...sign(mesh, asked, { uri: OWN, seconds: 60 }).slice(0, 1),
        createAuthority("x").cert,
      ],
      /does not chain/,
    ],
    [
      "without a root",
      (asked: Asked) => sign(mesh, asked, { uri: OWN, seconds: 60 }).slice(0, 1),
      /no chain/,
    ],
  ])("a certificate %s", async (_, answer, expected) => {
    const before = istiod.answer;
    istiod.answer = async (asked) => answer(asked);
    try {
      expect(await issueUnderBun(join(scope.dir, "root.pem"), ISTIOD)).toMatch(expected);
    } finally {
      istiod.answer = before;
    }
  });
});

function never(): never {
  throw new Error("the proxy showed no certificate");
}

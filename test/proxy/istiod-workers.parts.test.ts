/**
 * Certificates from istiod's CA with several workers: each asks for its own, renews it and swaps it under load. What the
 * kernel does with a connection that waits at a socket in the moment of its closing is its own affair
 * (`net.ipv4.tcp_migrate_req`): such losses are counted here, and bounded by one for each swap.
 */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { API, startBackend, startProxy, type TestProxy, TRUST_DOMAIN } from "./harness.ts";
import { ISTIOD, sign, startIstiodStandIn } from "./istiod-stand-in.ts";

const OWN = `spiffe://${TRUST_DOMAIN}/ns/portreeve/sa/portreeve-proxy`;
const WORKERS = 2;
/** Renewed at half of it. */
const SECONDS = 6;
const ROUNDS = 3;

let scope: Scope;
let proxy: TestProxy;

afterEach(() => scope?.stop());

test("each of two workers has a certificate of its own, and renews it while clients come without pause", async () => {
  scope = await openScope("proxy-istiod-workers");
  const mesh = createAuthority("mesh root");
  const istiod = await startIstiodStandIn(scope, mesh, async (asked) =>
    sign(mesh, asked, { uri: OWN, seconds: SECONDS }),
  );
  const claims = JSON.stringify({ sub: "system:serviceaccount:portreeve:portreeve-proxy" });
  writeFileSync(join(scope.dir, "token"), `e30.${Buffer.from(claims).toString("base64url")}.x`);
  writeFileSync(join(scope.dir, "root.pem"), mesh.cert);
  const [port = 0] = await freePorts(1);
  const backend = await startBackend(scope);
  proxy = await startProxy(scope, {
    workers: WORKERS,
    trust: { trustDomain: TRUST_DOMAIN },
    certificate: {
      source: "istiod",
      address: `127.0.0.1:${istiod.port}`,
      serverName: ISTIOD,
      ca: join(scope.dir, "root.pem"),
      token: join(scope.dir, "token"),
      clusterId: "east",
      lifetime: "90s",
    },
    listeners: [{ name: "l", mode: "mtls", bind: "127.0.0.1", port, service: "s" }],
    services: [{ name: "s", ports: [{ port: 1 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] }],
    rules: [{ id: "r", action: "allow", service: "s", subjects: { workloads: [API] } }],
  });
  expect(istiod.asked).toHaveLength(WORKERS);
  const { cert, key } = createLeaf("api", mesh, { uris: [API] });
  /** Says something, hears it again; the fingerprint of the certificate that was shown, or undefined. */
  const visit = async (): Promise<string | undefined> => {
    const options = {
      host: "127.0.0.1",
      port,
      ca: mesh.cert,
      cert,
      key,
      checkServerIdentity: () => undefined,
    };
    const socket = tlsConnect(options);
    try {
      await once(socket, "secureConnect");
      socket.write("x");
      await once(socket, "data");
      return socket.getPeerX509Certificate()?.fingerprint256;
    } catch {
      return undefined;
    } finally {
      socket.destroy();
    }
  };
  const shown = new Set<string>();
  let failed = 0;
  let visits = 0;
  const asked = () => new Set(istiod.asked.map(({ csr }) => csr)).size;
  while (asked() < WORKERS * (1 + ROUNDS)) {
    for (const seen of await Promise.all(Array.from({ length: 8 }, visit))) {
      visits += 1;
      if (seen === undefined) failed += 1;
      else shown.add(seen);
    }
  }
  // A key of its own each time, of each worker; the last ones may still be on their way.
  expect(asked()).toBe(istiod.asked.length);
  expect(shown.size).toBeGreaterThanOrEqual(WORKERS * ROUNDS);
  expect(visits).toBeGreaterThan(100);
  expect(failed).toBeLessThanOrEqual(WORKERS * ROUNDS);
  // A worker that is started anew asks for its own, too, and the proxy is ready when it has it.
  const before = istiod.asked.length;
  const { pid } = proxy.running;
  const [victim = 0] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .map(Number);
  process.kill(victim, "SIGKILL");
  await until("a certificate for the new worker", 20, () => istiod.asked.length > before);
  const expiry = /portreeve_certificate_expiry_seconds\{worker="(\d)"\}/g;
  await until("both workers to have one", 20, async () => {
    const workers = [...(await proxy.metrics()).matchAll(expiry)].map(([, worker]) => worker);
    return (
      new Set(workers).size === WORKERS && (await fetch(`http://127.0.0.1:${proxy.metricsPort}/readyz`)).ok
    );
  });
});

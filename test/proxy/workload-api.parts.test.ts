/**
 * The proxy's certificate from a SPIFFE Workload API, on grpc-go and the API's own generated code. That SPIRE's agent
 * attests the proxy is not shown: it is not to be had here.
 */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Authority,
  createAuthority,
  createLeaf,
  type Issued,
} from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { API, type Parts, startBackend, startProxy, type TestProxy, TRUST_DOMAIN } from "./harness.ts";
import { startWorkloadApi, type WorkloadApiServer } from "./workload-api-server.ts";

const OWN = `spiffe://${TRUST_DOMAIN}/ns/portreeve/sa/portreeve-proxy`;
const PARTNER = "partner.example";
const THEIRS = `spiffe://${PARTNER}/ns/billing/sa/reader`;

let scope: Scope;
let ca: Authority;
let server: WorkloadApiServer;
let port = 0;
let metrics = 0;
let parts: Parts;

beforeEach(async () => {
  scope = await openScope("workload-api");
  ca = createAuthority("workload root");
  const [free = 0, free2 = 0] = await freePorts(2);
  [port, metrics] = [free, free2];
  const backend = await startBackend(scope);
  parts = {
    trust: { trustDomain: TRUST_DOMAIN },
    certificate: { source: "workloadApi", socket: socketFile() },
    metrics: { bind: "127.0.0.1", port: metrics },
    listeners: [{ name: "l", mode: "mtls", bind: "127.0.0.1", port, service: "s" }],
    services: [
      {
        name: "s",
        ports: [{ port: 1, protocol: "tcp" }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
      },
    ],
    rules: [{ id: "r", action: "allow", service: "s", subjects: { workloads: [API, THEIRS] } }],
  };
});

afterEach(() => scope.stop());

const socketFile = () => join(scope.dir, "agent.sock");
const start = (change: Partial<Parts> = {}): Promise<TestProxy> => startProxy(scope, { ...parts, ...change });
const leaf = (authority = ca, uri = OWN, notAfter?: number): Issued =>
  createLeaf("proxy", authority, { uris: [uri], ...(notAfter !== undefined && { notAfter }) });
const offer = (svid: Issued, authority = ca, hint = "") =>
  ({ id: OWN, leaf: svid, bundle: authority, hint }) as const;
const readiness = async () => {
  const response = await fetch(`http://127.0.0.1:${metrics}/readyz`);
  return { status: response.status, text: await response.text() };
};

async function connect(client: Issued, trusted: Authority = ca): Promise<TLSSocket> {
  const socket = tlsConnect({
    host: "127.0.0.1",
    port,
    ca: trusted.cert,
    cert: client.cert,
    key: client.key,
    checkServerIdentity: () => undefined,
  });
  await once(socket, "secureConnect");
  // Those that are let go unused may be reset.
  socket.on("error", () => {});
  return socket;
}

async function echo(socket: TLSSocket, text: string): Promise<void> {
  const answer = once(socket, "data");
  socket.write(text);
  expect(String((await answer)[0])).toBe(text);
}

const api = () => createLeaf("api", ca, { uris: [API] });
const serial = (socket: TLSSocket) => socket.getPeerCertificate().serialNumber;

describe("the certificate", () => {
  test("is waited for, not ready meanwhile; taken when the agent comes and knows the proxy", async () => {
    const starting = start();
    await until("the missing socket to be told", 20, async () =>
      (await readiness()).text.includes("no certificate yet"),
    );
    expect((await readiness()).status).toBe(503);
    server = await startWorkloadApi(scope, socketFile());
    server.refuse(7, "no identity issued");
    await until("the refusal to be told", 20, async () =>
      (await readiness()).text.includes("no identity issued"),
    );
    server.offer([offer(leaf())]);
    await starting;
    await echo(await connect(api()), "hello");
  });

  test("is swapped for each new one of the stream, with no handshake that fails and no connection that is lost", async () => {
    server = await startWorkloadApi(scope, socketFile());
    server.offer([offer(leaf())]);
    await start();
    const kept = await connect(api());
    await echo(kept, "before");
    const seen = new Set<string>();
    for (let round = 0; round < 5; round++) {
      const next = leaf();
      server.offer([offer(next)]);
      const want = serialOf(next);
      await until("the new certificate to be shown", 10, async () => {
        const socket = await connect(api());
        await echo(socket, `round ${round}`);
        const shown = serial(socket);
        socket.end();
        seen.add(shown);
        return shown === want;
      });
    }
    expect(seen.size).toBeGreaterThanOrEqual(5);
    await echo(kept, "after");
    expect(server.streams()).toBe(1);
  });

  test("is taken by each of several workers, and swapped by each", async () => {
    server = await startWorkloadApi(scope, socketFile());
    server.offer([offer(leaf())]);
    await start({ workers: 2 });
    expect(server.streams()).toBe(2);
    const next = leaf();
    server.offer([offer(next)]);
    const shown = async () => {
      const sockets = await Promise.all(Array.from({ length: 16 }, () => connect(api())));
      const serials = sockets.map(serial);
      for (const socket of sockets) socket.end();
      return serials;
    };
    await until("both to show the new one", 20, async () =>
      (await shown()).every((found) => found === serialOf(next)),
    );
  });

  test("stays in use while the agent is gone, and the next agent is found", async () => {
    server = await startWorkloadApi(scope, socketFile());
    server.offer([offer(leaf())]);
    await start();
    await server.stop();
    rmSync(socketFile(), { force: true });
    await echo(await connect(api()), "without");
    expect((await readiness()).status).toBe(200);
    server = await startWorkloadApi(scope, socketFile());
    const next = leaf();
    server.offer([offer(next)]);
    await until(
      "the new agent's certificate",
      30,
      async () => serial(await connect(api())) === serialOf(next),
    );
  });

  test("that has ended makes the proxy not ready", async () => {
    server = await startWorkloadApi(scope, socketFile());
    server.offer([offer(leaf())]);
    await start();
    server.offer([offer(leaf(ca, OWN, Date.now() + 1_000))]);
    await until("the end of it to be told", 20, async () => (await readiness()).text.includes("expired"));
    server.offer([offer(leaf())]);
    await until("it to be ready again", 10, async () => (await readiness()).status === 200);
  });

  test("is chosen by its hint", async () => {
    server = await startWorkloadApi(scope, socketFile());
    const [external, internal] = [leaf(), leaf()];
    server.offer([offer(external, ca, "external"), offer(internal, ca, "internal")]);
    await start({ certificate: { source: "workloadApi", socket: socketFile(), hint: "internal" } });
    expect(serial(await connect(api()))).toBe(serialOf(internal));
  });

  test("that is wrong is refused with the reason, and the one before stays", async () => {
    server = await startWorkloadApi(scope, socketFile());
    const good = leaf();
    server.offer([offer(good)]);
    const proxy = await start();
    const stranger = createAuthority("stranger");
    const elsewhere = "spiffe://elsewhere.org/ns/portreeve/sa/portreeve-proxy";
    const wrong: [Parameters<WorkloadApiServer["offer"]>[0], string][] = [
      [[offer(leaf(stranger))], "does not chain"],
      [[{ ...offer(leaf(ca, elsewhere)), id: elsewhere }], "not in trust domain"],
      [[{ ...offer(leaf()), id: `${OWN}-other` }], "the API says"],
      [[offer({ ...leaf(), key: leaf().key })], "does not belong to its private key"],
      [[], "no SVID is offered"],
    ];
    for (const [offers, reason] of wrong) {
      server.offer(offers);
      await until(`"${reason}" to be told`, 10, () => proxy.running.log().includes(reason));
      expect(serial(await connect(api()))).toBe(serialOf(good));
    }
  });
});

describe("bundles", () => {
  test("of the own trust domain come with the certificate: a withdrawn root closes its clients", async () => {
    server = await startWorkloadApi(scope, socketFile());
    server.offer([offer(leaf())]);
    const proxy = await start();
    const old = await connect(api());
    await echo(old, "old");
    const next = createAuthority("next root");
    server.offer([offer(leaf(next), next)]);
    old.resume();
    await once(old, "close");
    expect(await proxy.record({ "src.identity": API })).toMatchObject({ close: "access-lost" });
    await echo(await connect(createLeaf("api", next, { uris: [API] }), next), "new");
  });

  test("of federated trust domains vouch for their own names and no others", async () => {
    server = await startWorkloadApi(scope, socketFile());
    const partner = createAuthority("partner root");
    server.offer([offer(leaf())], { [`spiffe://${PARTNER}`]: partner });
    const proxy = await start();
    await echo(await connect(createLeaf("reader", partner, { uris: [THEIRS] })), "federated");
    const forged = await connect(createLeaf("api", partner, { uris: [API] }));
    forged.on("error", () => {});
    forged.resume();
    await once(forged, "close");
    expect(await proxy.record({ close: "handshake-failed" })).toMatchObject({ error: "foreign-authority" });
  });
});

function serialOf({ cert }: Issued): string {
  return new X509Certificate(cert).serialNumber;
}

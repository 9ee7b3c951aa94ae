import { describe, expect, it } from "vitest";
import { HOST, namespace, peer, pod, rule, rulesIn, service, tls } from "./mesh.fixture.ts";
import type { ServerMode } from "./server-mode.ts";
import { type Cell, type Dialled, TRUTH_TABLE } from "./truth-table.ts";

const injected = namespace("shop") + service();
const entry = (location: string) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { namespace: shop, name: db }
spec: { hosts: [db.shop.svc.cluster.local], location: ${location}, resolution: DNS, ports: [{ number: 5432, name: tcp-sql, protocol: TCP }] }
---
`;

/** A mesh with one server of each kind; the client is in the same namespace, or in `web` when that has no sidecar. */
const SERVERS: Readonly<Record<ServerMode, string>> = {
  STRICT: injected + pod("db") + peer("mtls: { mode: STRICT }"),
  PERMISSIVE: injected + pod("db"),
  DISABLE: injected + pod("db") + peer("mtls: { mode: DISABLE }"),
  none: injected + pod("db", { labels: 'sidecar.istio.io/inject: "false"' }),
  own: injected + pod("db", { labels: 'sidecar.istio.io/inject: "false", security.istio.io/tlsMode: istio' }),
  ztunnel:
    namespace("shop", "istio.io/dataplane-mode: ambient") +
    service() +
    pod("db") +
    peer("mtls: { mode: STRICT }"),
  external: namespace("shop") + entry("MESH_EXTERNAL"),
};

const CLIENTS: Readonly<Record<Dialled, string>> = {
  auto: rule(`${HOST}, trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 } } }`),
  DISABLE: rule(tls("mode: DISABLE")),
  SIMPLE: rule(tls("mode: SIMPLE")),
  MUTUAL: rule(tls("mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem")),
  ISTIO_MUTUAL: rule(tls("mode: ISTIO_MUTUAL")),
};

/** Written out here once more, so that a slip in the table is a difference and not a new truth. */
const EXPECTED: Readonly<Record<Dialled, string>> = {
  //             STRICT PERMISSIVE DISABLE none own ztunnel external
  auto: "works works works works works works works",
  DISABLE: "PR530 works works works ? ? works",
  SIMPLE: "PR532 works works works ? ? works",
  MUTUAL: "PR532 works works works ? ? works",
  ISTIO_MUTUAL: "works works PR531 PR531 works ? PR531",
};

const servers = Object.keys(SERVERS) as ServerMode[];
const cells = (Object.keys(CLIENTS) as Dialled[]).flatMap((client) =>
  servers.map((server, index) => [client, server, EXPECTED[client].split(" ")[index]] as const),
);

describe("client TLS mode against what stands before the port", () => {
  it.each(cells)("%s to %s: %s", (client, server, expected) => {
    const cell: Cell = TRUTH_TABLE[client][server];
    expect(cell).toBe(expected === "?" ? "not judged" : expected);
    const found = rulesIn(namespace("web") + SERVERS[server] + CLIENTS[client]);
    expect(found).toEqual(cell.startsWith("PR") ? [cell] : []);
  });

  it("no rule at all is automatic, whatever the server", () => {
    for (const server of servers) expect(rulesIn(namespace("web") + SERVERS[server])).toEqual([]);
  });

  it("UNSET is the mode of the namespace, and of the mesh above it", () => {
    const unset = injected + pod("db") + peer("mtls: { mode: UNSET }") + rule(tls("mode: DISABLE"));
    expect(rulesIn(unset)).toEqual([]);
    expect(rulesIn(unset + peer("mtls: { mode: STRICT }", "default", "istio-system"))).toEqual(["PR530"]);
  });
});

describe("TLS origination and the protocol of the port", () => {
  const originated = (name: string, mode = "SIMPLE") =>
    rulesIn(
      namespace("shop") + service(`{ name: ${name}, port: 5432 }`) + pod("db") + rule(tls(`mode: ${mode}`)),
    );

  it.each(["http", "http2", "grpc", "tcp-sql", "redis", "mongo-a"])("%s can be wrapped", (name) => {
    expect(originated(name)).toEqual([]);
  });

  it.each(["https", "tls-a", "mysql"])("%s cannot", (name) => {
    expect(originated(name)).toEqual(["PR533"]);
    expect(originated(name, "MUTUAL")).toEqual(["PR533"]);
  });

  it.each(["https", "mysql"])("%s inside of Istio's mTLS is no conflict", (name) => {
    expect(originated(name, "ISTIO_MUTUAL")).toEqual([]);
    expect(originated(name, "DISABLE")).toEqual([]);
  });
});

/**
 * How a client's sidecar dials and what the server's sidecar takes: Istio's own code answers, and the truth table of
 * policy/istio/consistency must say the same, cell by cell. Not proven here: what an application without a sidecar does
 * with a TLS handshake (it has no proxy to ask), ztunnel, that an external server has no certificate of the mesh, and how a
 * short host is completed (objects in the oracle have no domain to complete it with).
 */

import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../policy/compile/target.ts";
import { checkMesh } from "../../policy/istio/consistency/index.ts";
import { HOST, peer, rule, tls } from "../../policy/istio/consistency/mesh.fixture.ts";
import { type Dialled, TRUTH_TABLE } from "../../policy/istio/consistency/truth-table.ts";
import { askOracle, type OracleAnswer } from "./oracle.ts";
import { type Pod, surroundings } from "./world.ts";

const TLS_MODE = { "security.istio.io/tlsMode": "istio" };
const web: Pod = {
  name: "web",
  namespace: "web",
  ip: "10.0.1.10",
  labels: { app: "web" },
  serviceAccount: "web",
};
const db: Pod = {
  name: "db",
  namespace: "shop",
  ip: "10.0.2.10",
  labels: { app: "db", ...TLS_MODE },
  serviceAccount: "db",
};

interface Mesh {
  readonly istio: string;
  readonly pods?: readonly Pod[];
  readonly headless?: boolean;
}

function parsed(text: string): KubeObject[] {
  return parseAllDocuments(text).flatMap((document): KubeObject[] => document.toJS() ?? []);
}

async function ask({ istio, pods = [db], headless = false }: Mesh): Promise<OracleAnswer> {
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "db", namespace: "shop" },
    spec: { selector: { app: "db" }, ports: [{ name: "tcp-sql", port: 5432, targetPort: 5432 }] },
  };
  const world = surroundings([...parsed(istio), service], [web, ...pods]).map((object) =>
    headless ? withoutAddress(object) : object,
  );
  const inbound = (["plaintext", "tls", "mtls"] as const).map((how) => ({
    name: how,
    proxy: "db",
    mode: "inbound" as const,
    address: db.ip,
    port: 5432,
    tls: how,
    sourceIP: web.ip,
    ...(how === "mtls" ? { principal: "prod.example.com/ns/web/sa/web" } : {}),
  }));
  return askOracle(world, [web, db], inbound);
}

function withoutAddress(object: unknown): unknown {
  const { kind, spec } = object as { kind: string; spec: object };
  return kind === "Service" ? { ...(object as object), spec: { ...spec, clusterIP: "None" } } : object;
}

/** What the client's sidecar sends to the first endpoint. */
function sent({ clusters, endpoints }: OracleAnswer): "plaintext" | "tls" | "mtls" {
  const name = "outbound|5432||db.shop.svc.cluster.local";
  const cluster = clusters.get("web")?.find((one) => one.name === name);
  if (cluster === undefined) throw new Error(`no cluster ${name}`);
  const marked = endpoints
    .get("web")
    ?.find(({ clusterName }) => clusterName === name)
    ?.endpoints?.flatMap(({ lbEndpoints }) => lbEndpoints ?? [])[0]?.metadata?.filterMetadata?.[
    "envoy.transport_socket_match"
  ];
  if (cluster.transportSocketMatches) return marked?.["tlsMode"] === "istio" ? "mtls" : "plaintext";
  if (cluster.transportSocket === undefined) return "plaintext";
  return JSON.stringify(cluster.transportSocket).includes('"alpnProtocols":["istio') ? "mtls" : "tls";
}

const CLIENTS: Readonly<Record<Dialled, { readonly rule: string; readonly sends: string }>> = {
  auto: { rule: "", sends: "mtls" },
  DISABLE: { rule: rule(tls("mode: DISABLE")), sends: "plaintext" },
  SIMPLE: { rule: rule(tls("mode: SIMPLE")), sends: "tls" },
  MUTUAL: { rule: rule(tls("mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem")), sends: "tls" },
  ISTIO_MUTUAL: { rule: rule(tls("mode: ISTIO_MUTUAL")), sends: "mtls" },
};
const SERVERS = ["STRICT", "PERMISSIVE", "DISABLE"] as const;

describe.each(SERVERS)("a server that is %s", (server) => {
  const policy = peer(`mtls: { mode: ${server} }`);

  test.each(Object.entries(CLIENTS))("%s", async (mode, client) => {
    const answer = await ask({ istio: policy + client.rule });
    const what = sent(answer);
    // Automatic mTLS does not send any to a server that turned it off.
    expect(what).toBe(mode === "auto" && server === "DISABLE" ? "plaintext" : client.sends);
    const result = answer.results.get(what);
    const cell = TRUTH_TABLE[mode as Dialled][server];
    if (what === "plaintext" || server === "STRICT") expect(result?.allowed).toBe(cell === "works");
    // TLS that a sidecar does not terminate reaches the application as it is: right for its own TLS, wrong for Istio's.
    else if (server === "DISABLE") expect(inboundTls(answer)).toBe(false);
    else expect(result?.allowed).toBe(true);
  });
});

/** Whether the server's inbound listener terminates Istio's mTLS at all. */
function inboundTls({ listeners }: OracleAnswer): boolean {
  const inbound = listeners.get("db")?.find(({ name }) => name === "virtualInbound");
  const chains = JSON.stringify(inbound);
  return /"destinationPort":5432[^}]*"applicationProtocols":\["istio/.test(chains);
}

describe("what makes a client's mode another than the one that is written", () => {
  const strict = peer("mtls: { mode: STRICT }");

  test.each([
    ["tls without a mode is plaintext", rule(tls("sni: db")), "plaintext"],
    ["a secret that a sidecar does not read", rule(tls("mode: SIMPLE, credentialName: ca")), "plaintext"],
    [
      "a port's settings without tls under DISABLE",
      rule(
        `${HOST}, trafficPolicy: { tls: { mode: DISABLE }, portLevelSettings: [{ port: { number: 5432 }, connectionPool: { tcp: { maxConnections: 9 } } }] }`,
      ),
      "plaintext",
    ],
    [
      "the first of two rules for one host",
      rule(`${HOST}, trafficPolicy: { connectionPool: { tcp: { maxConnections: 9 } } }`, "a") +
        rule(tls("mode: DISABLE"), "b"),
      "mtls",
    ],
    [
      "a rule of the client's namespace that is silent on TLS",
      rule(`${HOST}, trafficPolicy: { connectionPool: { tcp: { maxConnections: 9 } } }`, "own", "web") +
        rule(tls("mode: DISABLE")),
      "mtls",
    ],
    [
      "a rule that is exported to its own namespace alone",
      rule(`${tls("mode: DISABLE")}, exportTo: [.]`),
      "mtls",
    ],
    [
      "a wildcard of the root namespace",
      rule('host: "*.local", trafficPolicy: { tls: { mode: DISABLE } }', "root", "istio-system"),
      "plaintext",
    ],
    [
      "a longer wildcard before a shorter one",
      rule('host: "*.local", trafficPolicy: { tls: { mode: DISABLE } }', "short") +
        rule('host: "*.shop.svc.cluster.local", trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }', "long"),
      "mtls",
    ],
    [
      "a host of two parts is no Service",
      rule("host: db.shop, trafficPolicy: { tls: { mode: DISABLE } }", "two"),
      "mtls",
    ],
    [
      "a workloadSelector that does not select the client",
      rule(`${tls("mode: DISABLE")}, workloadSelector: { matchLabels: { app: other } }`, "some", "web"),
      "mtls",
    ],
  ])("%s", async (_, istio, expected) => {
    const answer = await ask({ istio: strict + istio });
    expect(sent(answer)).toBe(expected);
    const found = findings(strict + istio);
    expect(found).toEqual(expected === "plaintext" ? ["PR530"] : []);
  });
});

/** The findings that concern clients in `web`. */
function findings(istio: string): string[] {
  const objects = [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "web", labels: { "istio-injection": "enabled" } },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "db", namespace: "shop" },
      spec: { selector: { app: "db" }, ports: [{ name: "tcp-sql", port: 5432 }] },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", namespace: "web", labels: web.labels },
      spec: { containers: [{ name: "c", image: "x" }] },
    },
    ...parsed(istio),
  ];
  return checkMesh(objects)
    .filter(({ message }) => /clients in .*web/.test(message))
    .map(({ rule: id }) => id);
}

describe("automatic mTLS where it fails", () => {
  const strict = peer("selector: { matchLabels: { app: db } }, mtls: { mode: STRICT }");

  test("a namespace without mTLS makes clients send plaintext to a workload that demands it (PR542)", async () => {
    const answer = await ask({ istio: peer("mtls: { mode: DISABLE }", "default") + strict });
    expect(sent(answer)).toBe("plaintext");
    expect(answer.results.get("plaintext")?.allowed).toBe(false);
  });

  const outside: Pod = { ...db, name: "db-out", ip: "10.0.2.11", labels: { app: "db" } };

  test("one pod without a sidecar behind a headless Service makes clients send plaintext to all (PR540, istio#7495)", async () => {
    const both = await ask({ istio: strict, pods: [db, outside], headless: true });
    expect(sent(both)).toBe("plaintext");
    expect(both.results.get("plaintext")?.allowed).toBe(false);
    expect(sent(await ask({ istio: strict, headless: true }))).toBe("mtls");
    // Behind a Service with an address each pod gets what it takes.
    expect(sent(await ask({ istio: strict, pods: [db, outside] }))).toBe("mtls");
  });

  test("a headless Service does not know of a port with mTLS turned off (PR541)", async () => {
    const off = peer("selector: { matchLabels: { app: db } }, portLevelMtls: { 5432: { mode: DISABLE } }");
    const answer = await ask({ istio: off, headless: true });
    expect(sent(answer)).toBe("mtls");
    expect(inboundTls(answer)).toBe(false);
    expect(sent(await ask({ istio: off }))).toBe("plaintext");
  });
});

/**
 * Routing problems that Istio's users reported, and ways through gateways: what istiod configures, what Envoy says to it, and
 * what the evaluator says to a person.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readRouting, routeConnection } from "../../policy/istio/routing/index.ts";
import { askOracle, type OracleCall } from "../istio/oracle.ts";
import { compiled, type Pod, surroundings } from "../istio/world.ts";
import { part } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";
import { isRefused } from "./envoy.ts";
import { startXdsOracle, type XdsListener, type XdsOracle } from "./xds.ts";

let oracle: XdsOracle;
beforeAll(async () => {
  oracle = await startXdsOracle();
}, 600_000);
afterAll(async () => {
  await oracle?.close();
});

const api: Pod = {
  name: "api",
  namespace: "shop",
  ip: "10.0.1.10",
  labels: { app: "api" },
  serviceAccount: "api",
};

const istio = (kind: string, name: string, spec: object) => ({
  apiVersion: "networking.istio.io/v1",
  kind,
  metadata: { name, namespace: "shop" },
  spec,
});
const entry = (name: string, spec: object) =>
  istio("ServiceEntry", name, { location: "MESH_EXTERNAL", resolution: "NONE", ...spec });

function asked(objects: readonly unknown[], to: string, port: number, from = "shop/api") {
  const world = readRouting(objects, undefined, { trustDomain: "prod.example.com" });
  const pod = world.mesh.cluster.pods.find(({ workload }) => workload === from);
  if (pod === undefined) throw new Error(`no pod ${from}`);
  const [routed] = routeConnection(world, { from: pod, to, port, dataPlane: "sidecar" });
  if (routed === undefined) throw new Error(`no address for ${to}`);
  return routed;
}

async function listenersOf(objects: readonly unknown[]): Promise<readonly XdsListener[]> {
  const proxies = await oracle.ask({ objects, proxies: [api], meshConfig: "" });
  return proxies["api"]?.listeners ?? [];
}

/** What Envoy itself says to a listener with these chains. */
async function envoySays(listener: XdsListener): Promise<string> {
  const { path } = await part("envoy");
  const dir = mkdtempSync(join(tmpdir(), "portreeve-envoy-"));
  const tcpProxy = {
    name: "envoy.filters.network.tcp_proxy",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
      stat_prefix: "x",
      cluster: "x",
    },
  };
  const chains = listener.chains.map(({ ranges = [], serverNames = [] }) => ({
    filter_chain_match: {
      prefix_ranges: ranges.map((range) => ({
        address_prefix: range.split("/")[0],
        prefix_len: Number(range.split("/")[1]),
      })),
      server_names: serverNames,
    },
    filters: [tcpProxy],
  }));
  const config = {
    static_resources: {
      listeners: [
        {
          name: listener.name,
          address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
          filter_chains: chains,
        },
      ],
      clusters: [{ name: "x", type: "STATIC" }],
    },
  };
  try {
    writeFileSync(join(dir, "envoy.json"), JSON.stringify(config));
    return await run(path, ["--mode", "validate", "-c", join(dir, "envoy.json")]).catch((error: unknown) =>
      String(error),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe("a listener that Envoy refuses (istio#29197)", () => {
  test("as reported, two entries for one IPv6 block: today istiod keeps one of the chains", async () => {
    const block = (host: string) => ({
      hosts: ["blah.example.com"],
      addresses: [`2001:db8:123:123:f816:3eff:${host}/32`],
      ports: [{ number: 9999, name: "tcp", protocol: "TCP" }],
    });
    const objects = surroundings(
      [entry("se1", block("feb8:2287")), entry("se2", block("febf:57ce"))] as never,
      [api],
    );
    const listener = (await listenersOf(objects)).find(({ port }) => port === 9999);
    expect(listener?.chains.map(({ ranges }) => ranges)).toHaveLength(1);
    expect(listener && isRefused(listener)).toBe(false);
    expect(asked(objects, "2001:db8:ffff::1", 9999).hop.legs[0]?.cluster).toBe(
      "outbound|9999||blah.example.com",
    );
  });

  test("two routes of a VirtualService for the same subnet: istiod sends it, Envoy refuses it, and we say so", async () => {
    const to = (host: string) => ({
      match: [{ port: 5432, destinationSubnets: ["240.0.0.0/16"] }],
      route: [{ destination: { host } }],
    });
    const db = (name: string) =>
      entry(name, {
        hosts: [`${name}.example.com`],
        addresses: [name === "a" ? "240.0.0.1" : "240.1.0.1"],
        ports: [{ number: 5432, name: "tcp", protocol: "TCP" }],
      });
    const routes = istio("VirtualService", "db", {
      hosts: ["a.example.com"],
      tcp: [to("a.example.com"), to("b.example.com")],
    });
    const objects = surroundings([db("a"), db("b"), routes] as never, [api]);
    const listener = (await listenersOf(objects)).find(({ name }) => name === "240.0.0.1_5432");
    if (listener === undefined) throw new Error("no listener");
    expect(isRefused(listener)).toBe(true);
    expect(await envoySays(listener)).toMatch(/has the same matching rules defined as/);
    const { outcome, hop } = asked(objects, "240.0.0.1", 5432);
    expect(outcome).toBe("fails");
    expect(hop.legs[0]?.broken).toMatch(/Envoy refuses the listener.*240\.0\.0\.0\/16/);
    // Without the second route it is taken.
    const mended = surroundings(
      [
        db("a"),
        db("b"),
        istio("VirtualService", "db", { hosts: ["a.example.com"], tcp: [to("a.example.com")] }),
      ] as never,
      [api],
    );
    const good = (await listenersOf(mended)).find(({ name }) => name === "240.0.0.1_5432");
    expect(good && (await envoySays(good))).toMatch(/OK/);
    expect(asked(mended, "240.0.0.1", 5432).outcome).toBe("allow");
  });
});

test("of two entries for one host that dial the client's address, the second one's target port is lost", async () => {
  const ports = (number: number, targetPort?: number) => [
    { number, name: `p${number}`, protocol: "TCP", ...(targetPort && { targetPort }) },
  ];
  const objects = surroundings(
    [
      { ...entry("first", { hosts: ["db.example.com"], addresses: ["240.0.0.1"], ports: ports(5432) }) },
      {
        ...entry("second", {
          hosts: ["db.example.com"],
          addresses: ["240.0.0.2"],
          ports: ports(6379, 16379),
        }),
      },
    ].map((object, index) => ({
      ...object,
      metadata: { ...object.metadata, creationTimestamp: `2026-01-01T00:00:0${index}Z` },
    })) as never,
    [api],
  );
  const { clusters } = (await oracle.ask({ objects, proxies: [api], meshConfig: "" }))["api"] ?? {
    clusters: [],
  };
  const found = clusters.find(({ name }) => name === "outbound|6379||db.example.com");
  expect([found?.type, found?.port]).toEqual(["ORIGINAL_DST", undefined]);
  expect(asked(objects, "240.0.0.2", 6379).hop.legs[0]?.arrivals).toMatchObject([
    { address: "240.0.0.2", port: 6379 },
  ]);
});

describe("through the egress gateway of the golden case", () => {
  const gateway: Pod = {
    name: "gateway",
    namespace: "egress",
    ip: "10.0.3.10",
    labels: { istio: "egress" },
    serviceAccount: "egress",
  };
  const pods: readonly Pod[] = [
    api,
    { ...api, name: "intern", ip: "10.0.1.11", serviceAccount: "intern" },
    { ...api, name: "other", ip: "10.0.1.12", labels: {}, serviceAccount: "other" },
    gateway,
  ];
  const { objects } = compiled(
    readFileSync(join(import.meta.dirname, "..", "golden", "gateway", "policies.yaml"), "utf8"),
  );
  const world = surroundings(objects, pods).map(inMesh);

  /** As injection leaves a pod. */
  function inMesh(object: unknown): unknown {
    if (typeof object !== "object" || object === null || !("kind" in object) || object.kind !== "Pod")
      return object;
    const pod = object as unknown as { metadata: { labels: object } };
    const labels = { ...pod.metadata.labels, "security.istio.io/tlsMode": "istio" };
    return {
      ...pod,
      metadata: { ...pod.metadata, labels, annotations: { "sidecar.istio.io/status": "{}" } },
    };
  }

  test("the way from the client's sidecar to the gateway and on, with the gateway's verdict, is Istio's", async () => {
    const { addresses } =
      (objects as unknown as { kind: string; spec: { addresses?: string[] } }[]).find(
        ({ kind }) => kind === "ServiceEntry",
      )?.spec ?? {};
    const address = addresses?.[0] ?? "";
    const servers = (
      objects as unknown as { kind: string; spec: { servers?: { port: { number: number } }[] } }[]
    ).find(({ kind }) => kind === "Gateway")?.spec.servers;
    const port = servers?.[0]?.port.number ?? 0;
    const at = {
      proxy: "gateway",
      mode: "gateway",
      address: "0.0.0.0",
      port,
      tls: "mtls",
      sni: "sftp.bank.example",
    } as const;
    const calls: OracleCall[] = pods.slice(0, 3).map(({ name, ip, serviceAccount }) => ({
      ...at,
      name,
      sourceIP: ip,
      principal: `prod.example.com/ns/shop/sa/${serviceAccount}`,
    }));
    const first: OracleCall = { name: "to gateway", proxy: "api", mode: "outbound", address, port: 2022 };
    const { results } = await askOracle(
      world,
      [{ ...api }, { ...gateway, type: "router" }],
      [first, ...calls],
    );
    for (const { name } of calls) {
      const routed = asked(world, address, 2022, `shop/${name}`);
      const [leg] = routed.hop.legs;
      expect([leg?.cluster]).toEqual([results.get("to gateway")?.cluster]);
      expect(leg?.arrivals.map((arrival) => `${arrival.address}:${arrival.port}`)).toEqual(
        results.get("to gateway")?.endpoints,
      );
      expect(leg?.arrivals[0]).toMatchObject({
        wire: "ISTIO_MUTUAL",
        outcome: results.get(name)?.allowed === true ? "allow" : "deny",
      });
      expect(leg?.next?.legs[0]?.cluster).toBe(results.get(name)?.cluster);
    }
    expect(calls.map(({ name }) => results.get(name)?.allowed)).toEqual([true, false, false]);
  });
});

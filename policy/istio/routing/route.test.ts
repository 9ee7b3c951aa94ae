import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { readRouting, routeConnection } from "./index.ts";
import type { RoutingOptions } from "./read.ts";
import type { RouteQuestion } from "./types.ts";

const MESH = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio-injection: enabled } }
---
apiVersion: v1
kind: Namespace
metadata: { name: ambient, labels: { istio.io/dataplane-mode: ambient } }
---
apiVersion: v1
kind: Namespace
metadata: { name: plain }
---
${["shop/api", "shop/db", "ambient/web", "ambient/store", "plain/cron"]
  .map((workload) => {
    const [namespace, name] = workload.split("/");
    return `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${namespace}, labels: { app: ${name} } }
spec: { serviceAccountName: ${name}, containers: [{ name: c, image: x }] }
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { app: ${name} }, ports: [{ name: tcp, port: 5432, targetPort: 15432 }] }
`;
  })
  .join("---\n")}`;

function world(more: string, options: RoutingOptions = {}) {
  const objects = parseAllDocuments(more === "" ? MESH : `${MESH}---\n${more}`).map(
    (document) => document.toJS() as unknown,
  );
  const read = readRouting(objects, undefined, options);
  expect(read.findings.filter(({ severity }) => severity === "error")).toEqual([]);
  return read;
}

function ask(
  more: string,
  from: string,
  to: string,
  question: Partial<RouteQuestion> & { options?: RoutingOptions } = {},
) {
  const { options, ...rest } = question;
  const read = world(more, options);
  const pod = read.mesh.cluster.pods.find(({ workload }) => workload === from);
  if (pod === undefined) throw new Error(`no ${from}`);
  const [routed] = routeConnection(read, { from: pod, to, port: 5432, ...rest });
  if (routed === undefined) throw new Error("no answer");
  return { ...routed, arrival: routed.hop.legs[0]?.arrivals[0] };
}

const ALLOW = (namespace: string, app: string, principal: string) => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: guard, namespace: ${namespace} }
spec:
  selector: { matchLabels: { app: ${app} } }
  rules: [{ from: [{ source: { principals: [cluster.local/ns/${principal}] } }], to: [{ operation: { ports: ["15432"] } }] }]
`;
const peer = (mode: string, more = "") => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: peer, namespace: shop }
spec: { mtls: { mode: ${mode} }${more} }
`;

describe("sidecar to sidecar", () => {
  test("the Service's listener, its pod's target port, mTLS, and the policy that lets the client in", () => {
    const { outcome, hop, arrival } = ask(ALLOW("shop", "db", "shop/sa/api"), "shop/api", "db");
    expect(outcome).toBe("allow");
    expect(hop).toMatchObject({ listenerOf: "Service shop/db", route: "Service shop/db itself" });
    expect(arrival).toMatchObject({
      workload: "shop/db",
      port: 15432,
      wire: "ISTIO_MUTUAL",
      principal: "cluster.local/ns/shop/sa/api",
      by: { policy: "shop/guard", rule: 0 },
    });
  });

  test("who is not named is denied; db.shop and the full name are the same host", () => {
    for (const to of ["db.shop", "db.shop.svc", "db.shop.svc.cluster.local"]) {
      expect(ask(ALLOW("shop", "db", "shop/sa/other"), "shop/api", to).outcome).toBe("deny");
    }
  });

  test("plaintext to a port that is STRICT is refused by the PeerAuthentication, before any policy", () => {
    const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: off, namespace: shop }
spec: { host: db, trafficPolicy: { tls: { mode: DISABLE } } }
`;
    const { outcome, arrival } = ask(`${peer("STRICT")}---${rule}`, "shop/api", "db");
    expect(outcome).toBe("deny");
    expect(arrival).toMatchObject({
      wire: "plaintext",
      by: { policy: "shop/peer" },
      accepts: expect.stringMatching(/^STRICT/),
    });
  });

  test("mTLS to a port without it fails: the application gets the handshake", () => {
    const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: on, namespace: shop }
spec: { host: db, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }
`;
    expect(ask(`${peer("DISABLE")}---${rule}`, "shop/api", "db")).toMatchObject({ outcome: "fails" });
  });

  test("a port that annotations keep from the server's sidecar is open to everybody", () => {
    const pod = `
apiVersion: v1
kind: Pod
metadata: { name: raw, namespace: shop, labels: { app: raw }, annotations: { traffic.sidecar.istio.io/excludeInboundPorts: "15432" } }
spec: { containers: [{ name: c, image: x }] }
---
apiVersion: v1
kind: Service
metadata: { name: raw, namespace: shop }
spec: { selector: { app: raw }, ports: [{ name: tcp, port: 5432, targetPort: 15432 }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: off, namespace: shop }
spec: { host: raw, trafficPolicy: { tls: { mode: DISABLE } } }
---${ALLOW("shop", "raw", "shop/sa/nobody")}`;
    const { outcome, arrival } = ask(pod, "shop/api", "raw");
    expect(outcome).toBe("allow");
    expect(arrival?.accepts).toMatch(/annotations of the pod exclude the port/);
  });
});

describe("routes", () => {
  const route = (spec: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: split, namespace: shop }
spec: ${spec}
`;

  test("weights are several destinations, and one that fails makes the answer a failure", () => {
    const { hop, outcome } = ask(
      route(
        "{ hosts: [db], tcp: [{ route: [{ destination: { host: db }, weight: 90 }, { destination: { host: gone }, weight: 10 }] }] }",
      ),
      "shop/api",
      "db",
    );
    expect(hop.legs.map(({ destination, share }) => [destination, share])).toEqual([
      ["db.shop.svc.cluster.local:5432", 90],
      ["gone.shop.svc.cluster.local:5432", 10],
    ]);
    expect(hop.legs[1]?.broken).toMatch(/knows no service gone/);
    expect(outcome).toBe("fails");
  });

  test("a route for other clients by label or namespace is not taken", () => {
    const to = "route: [{ destination: { host: gone } }]";
    for (const match of [
      "sourceLabels: { app: web }",
      "sourceNamespace: plain",
      "port: 1",
      "gateways: [shop/edge]",
    ]) {
      const { hop } = ask(
        route(`{ hosts: [db], tcp: [{ match: [{ ${match} }], ${to} }] }`),
        "shop/api",
        "db",
      );
      expect([match, hop.route]).toEqual([match, "Service shop/db itself"]);
    }
  });

  test("a Sidecar that does not import the host leaves the connection to what is for no service", () => {
    const sidecar = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: narrow, namespace: shop }
spec: { egress: [{ hosts: ["./api.shop.svc.cluster.local"] }], outboundTrafficPolicy: { mode: REGISTRY_ONLY } }
`;
    const { outcome, hop } = ask(sidecar, "shop/api", "db");
    expect(outcome).toBe("fails");
    expect(hop.legs[0]?.broken).toMatch(/closes the connection/);
  });

  test("what is passed on reaches the Service's pods all the same, in plaintext", () => {
    const sidecar = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: narrow, namespace: shop }
spec: { egress: [{ hosts: ["./api.shop.svc.cluster.local"] }], outboundTrafficPolicy: { mode: ALLOW_ANY } }
`;
    expect(ask(sidecar, "shop/api", "db").arrival).toMatchObject({
      workload: "shop/db",
      port: 15432,
      wire: "plaintext",
      principal: null,
    });
  });

  test("a port that annotations keep from the client's sidecar knows no routes", () => {
    const client = `
apiVersion: v1
kind: Pod
metadata: { name: old, namespace: shop, labels: { app: old }, annotations: { traffic.sidecar.istio.io/excludeOutboundPorts: "5432" } }
spec: { containers: [{ name: c, image: x }] }
---${peer("STRICT")}`;
    const { outcome, notes } = ask(client, "shop/old", "db");
    expect(outcome).toBe("deny");
    expect(notes.join("\n")).toMatch(/excludeOutboundPorts keeps the connection from the sidecar/);
  });
});

describe("what keeps a connection from the client's sidecar", () => {
  const client = (annotations: Readonly<Record<string, string>>) => `
apiVersion: v1
kind: Pod
metadata:
  name: old
  namespace: shop
  labels: { app: old }
  annotations: ${JSON.stringify(
    Object.fromEntries(
      Object.entries(annotations).map(([key, value]) => [`traffic.sidecar.istio.io/${key}`, value]),
    ),
  )}
spec: { containers: [{ name: c, image: x }] }
---
apiVersion: v1
kind: Service
metadata: { name: near, namespace: shop }
spec: { clusterIP: 10.0.0.9, selector: { app: db }, ports: [{ name: tcp, port: 5432, targetPort: 15432 }] }
`;
  test.each<[Readonly<Record<string, string>>, string | undefined]>([
    [{ excludeOutboundIPRanges: "10.0.0.0/8" }, "excludeOutboundIPRanges"],
    // iptables returns for what is excluded before it looks at what is included.
    [{ excludeOutboundIPRanges: "10.0.0.0/8", includeOutboundPorts: "5432" }, "excludeOutboundIPRanges"],
    [{ excludeOutboundPorts: "5432", includeOutboundPorts: "5432" }, "excludeOutboundPorts"],
    [{ includeOutboundIPRanges: "192.168.0.0/16" }, "includeOutboundIPRanges"],
    [{ includeOutboundIPRanges: "192.168.0.0/16", includeOutboundPorts: "5432" }, undefined],
    [{ includeOutboundIPRanges: "" }, "includeOutboundIPRanges"],
  ])("%j", (annotations, kept) => {
    const { notes } = ask(client(annotations), "shop/old", "near");
    const found = notes.find((note) => note.includes("keeps the connection from the sidecar"));
    expect(found?.replace(/^traffic\.sidecar\.istio\.io\/| keeps.*$/g, "")).toBe(kept);
  });
});

describe("names", () => {
  const alias = (name: string, to: string) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { type: ExternalName, externalName: ${to} }
`;

  test("that lead back to themselves have no address, and are said to", () => {
    const both = `${alias("one", "two.shop.svc.cluster.local")}---${alias("two", "one.shop.svc.cluster.local")}`;
    for (const more of [alias("one", "one.shop.svc.cluster.local"), both]) {
      expect(ask(more, "shop/api", "one").notes.join("\n")).toMatch(
        /a name that leads to itself has no address/,
      );
    }
    expect(ask(alias("one", "db.shop.svc.cluster.local"), "shop/api", "one").arrival?.workload).toBe(
      "shop/db",
    );
  });

  test("are the same in capitals, as a host and as the server name of TLS", () => {
    expect(ask("", "shop/api", "DB.Shop").arrival?.workload).toBe("shop/db");
    const tls = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: out, namespace: shop }
spec:
  hosts: [db.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  endpoints: [{ address: 203.0.113.7 }]
  ports: [{ number: 5432, name: tls, protocol: TLS }]
`;
    const question = (sni: string) =>
      ask(tls, "shop/api", "203.0.113.7", { first: { type: "tls", sni } }).hop.listenerOf;
    expect(question("db.example.com")).toBe("ServiceEntry shop/out");
    expect(question("DB.Example.com")).toBe("ServiceEntry shop/out");
  });
});

test("a subnet whose length is none holds no address, and takes nothing from one beside it", () => {
  const route = (...subnets: string[]) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: wide, namespace: shop }
spec:
  hosts: [wide.example.com]
  addresses: [10.0.0.0/8]
  location: MESH_EXTERNAL
  resolution: NONE
  ports: [{ number: 5432, name: tcp, protocol: TCP }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: part, namespace: shop }
spec:
  hosts: [wide.example.com]
  tcp: [{ match: [{ destinationSubnets: ${JSON.stringify(subnets)} }], route: [{ destination: { host: db.shop.svc.cluster.local } }] }]
`;
  const routeOf = (...subnets: string[]) => ask(route(...subnets), "shop/api", "10.2.0.1").hop.route;
  expect(routeOf("10.2.0.0/16")).toBe("VirtualService shop/part");
  for (const subnet of ["10.1.0.0/x", "10.1.0.0/33", "10.1.0.0/-1", "10.1.0.0/"]) {
    expect(routeOf(subnet), subnet).not.toBe("VirtualService shop/part");
    expect(routeOf("10.2.0.0/16", subnet), subnet).toBe("VirtualService shop/part");
  }
});

test("the address of a pod that has ended is another's by now", () => {
  const pod = (name: string, phase: string) => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }
spec: { serviceAccountName: ${name}, containers: [{ name: c, image: x }] }
status: { podIP: 10.1.0.7, phase: ${phase} }
`;
  for (const phase of ["Succeeded", "Failed"]) {
    const more = `${pod("runs", "Running")}---${pod("ended", phase)}`;
    expect(ask(more, "shop/api", "10.1.0.7").arrival?.workload).toBe("shop/runs");
  }
});

test("the Sidecar for a pod's own labels says what its ingress is, also where one for the namespace is older", () => {
  const sidecar = (name: string, created: string, more: string) => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: ${name}, namespace: shop, creationTimestamp: "${created}" }
spec: { egress: [{ hosts: ["*/*"] }]${more} }
`;
  const own =
    ', workloadSelector: { labels: { app: db } }, ingress: [{ port: { number: 15432, protocol: TCP, name: tcp }, defaultEndpoint: "127.0.0.1:9" }]';
  const more = `${sidecar("all", "2020-01-01T00:00:00Z", "")}---${sidecar("own", "2024-01-01T00:00:00Z", own)}`;
  expect(ask(more, "shop/api", "db").arrival?.notes.join()).toContain(
    "Sidecar shop/own has an ingress listener",
  );
});

describe("ambient", () => {
  test("ztunnel to ztunnel is HBONE; VirtualService and DestinationRule are not read", () => {
    const ignored = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: split, namespace: ambient }
spec: { hosts: [store], tcp: [{ route: [{ destination: { host: gone } }] }] }
---${ALLOW("ambient", "store", "ambient/sa/web")}`;
    const { outcome, arrival, notes } = ask(ignored, "ambient/web", "store");
    expect(outcome).toBe("allow");
    expect(arrival).toMatchObject({
      workload: "ambient/store",
      port: 15432,
      wire: "HBONE",
      by: { policy: "ambient/guard" },
    });
    expect(notes.join("\n")).toMatch(/ztunnel reads no VirtualService/);
  });

  test("to what is outside of the mesh ztunnel sends plaintext", () => {
    expect(ask("", "ambient/web", "cron.plain").arrival).toMatchObject({
      workload: "plain/cron",
      wire: "plaintext",
      principal: null,
    });
  });

  test("from outside of the mesh nobody is proven, and a policy on identities denies", () => {
    const { outcome, arrival } = ask(
      ALLOW("ambient", "store", "plain/sa/cron"),
      "plain/cron",
      "store.ambient",
    );
    expect([outcome, arrival?.principal]).toEqual(["deny", null]);
  });

  test("a waypoint is named, and said not to be judged", () => {
    const service = `
apiVersion: v1
kind: Service
metadata: { name: front, namespace: ambient, labels: { istio.io/use-waypoint: gate } }
spec: { selector: { app: store }, ports: [{ name: tcp, port: 5432, targetPort: 15432 }] }
`;
    expect(ask(service, "ambient/web", "front").notes.join("\n")).toMatch(/waypoint gate: .*not judged/);
  });
});

describe("what is not judged is said", () => {
  const filter = (context: string, more = "") => `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: tweak, namespace: shop }
spec: { configPatches: [{ applyTo: NETWORK_FILTER, match: { context: ${context}${more} }, patch: { operation: INSERT_BEFORE } }] }
`;
  const notesOf = (more: string) => {
    const { notes, arrival } = ask(more, "shop/api", "db");
    return [...notes, ...(arrival?.notes ?? [])].filter((note) => note.includes("EnvoyFilter"));
  };

  test("an EnvoyFilter on the way, at the client or at the server", () => {
    for (const context of ["SIDECAR_OUTBOUND", "SIDECAR_INBOUND"]) {
      expect(notesOf(filter(context))).toEqual([
        "EnvoyFilter shop/tweak patches the filter chain that decides here: not judged",
      ]);
    }
    // The Service's port at the client, the pod's own at the server.
    expect(notesOf(filter("SIDECAR_OUTBOUND", ", listener: { portNumber: 5432 }"))).toHaveLength(1);
    expect(notesOf(filter("SIDECAR_INBOUND", ", listener: { portNumber: 15432 }"))).toHaveLength(1);
  });

  test("but not one for another port, gateway or context", () => {
    expect(notesOf(filter("GATEWAY"))).toEqual([]);
    expect(notesOf(filter("SIDECAR_OUTBOUND", ", listener: { portNumber: 15432 }"))).toEqual([]);
    expect(notesOf(filter("SIDECAR_INBOUND", ", listener: { portNumber: 5432 }"))).toEqual([]);
  });

  test("a port whose protocol is detected", () => {
    const service = `
apiVersion: v1
kind: Service
metadata: { name: vague, namespace: shop }
spec: { selector: { app: db }, ports: [{ name: stuff, port: 5432, targetPort: 15432 }] }
`;
    expect(ask(service, "shop/api", "vague").notes.join("\n")).toMatch(
      /detected from the client's first bytes/,
    );
  });

  test("a name that no object has", () => {
    expect(ask("", "shop/api", "db.example.com").notes.join("\n")).toMatch(
      /no object names db\.example\.com/,
    );
  });
});

test("an object that is there twice, and differently, is an error with both places", () => {
  const twice = ["a", "b"].map((host) => ({
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "one", namespace: "shop" },
    spec: { hosts: [host] },
  }));
  const { findings } = readRouting(twice, ([index]) => ({ file: "f.yaml", line: Number(index) + 1, col: 1 }));
  expect(findings).toMatchObject([
    { rule: "PR191", message: expect.stringMatching(/twice, and differently \(first at f\.yaml:1:1\)/) },
  ]);
  expect(readRouting([twice[0], twice[0]]).virtualServices).toHaveLength(1);
});

/** The Kubernetes and Istio objects of a drawn world. */
import type { Parts, Pod } from "./draw.ts";

/** Of one moment, as in a cluster all objects have a time. */
const CREATED = "2026-01-01T00:00:00Z";

export function named(name: string, at: string) {
  return { name, namespace: at, creationTimestamp: CREATED };
}

export function podObject({ name, namespace: at, ip, labels: own, serviceAccount, sidecar }: Pod) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: at,
      labels: { ...own, ...(sidecar && { "security.istio.io/tlsMode": "istio" }) },
      annotations: sidecar ? { "sidecar.istio.io/status": "{}" } : {},
    },
    spec: { serviceAccountName: serviceAccount, nodeName: "node", containers: [{ name: "c", image: "x" }] },
    status: {
      phase: "Running",
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}

interface ServiceObject {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly selector: Readonly<Record<string, string>>;
    readonly ports: readonly { readonly name: string; readonly targetPort: number }[];
  };
}

export function slice({ metadata, spec }: ServiceObject, pods: readonly Pod[]) {
  const own = pods.filter(
    (pod) => pod.namespace === metadata.namespace && pod.labels["app"] === spec.selector["app"],
  );
  if (own.length === 0) return [];
  return [
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `${metadata.name}-1`,
        namespace: metadata.namespace,
        labels: { "kubernetes.io/service-name": metadata.name },
      },
      addressType: "IPv4",
      endpoints: own.map(({ ip, name, namespace: at }) => ({
        addresses: [ip],
        conditions: { ready: true },
        targetRef: { kind: "Pod", name, namespace: at },
      })),
      ports: spec.ports.map(({ name, targetPort }) => ({ name, port: targetPort, protocol: "TCP" })),
    },
  ];
}

export function entryObject(
  { hosts, addresses, location, resolution, exportTo: to, ports, endpoint }: Parts["entries"][number],
  metadata: object,
) {
  const wild = hosts.some((host) => host.startsWith("*"));
  const several = hosts.length > 1;
  const ranges = (addresses ?? []).some((address) => address.includes("/"));
  // What Istio's validation refuses is not drawn: see policy/istio/validation.
  const kind = wild && resolution === "DNS" ? "NONE" : ranges && resolution === "DNS" ? "STATIC" : resolution;
  const noAddress = kind !== "NONE" && several && addresses === undefined;
  const own = noAddress ? hosts.slice(0, 1) : hosts;
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata,
    spec: {
      hosts: own,
      location,
      resolution: kind,
      ...(addresses && { addresses }),
      ...(to && { exportTo: to }),
      ports: ports.map(({ number, protocol, target }) => ({
        number,
        name: `p${number}`,
        ...(protocol !== "" && { protocol }),
        ...(target !== 0 && { targetPort: target }),
      })),
      ...(kind !== "NONE" && {
        endpoints:
          kind === "STATIC" || endpoint !== undefined
            ? [
                {
                  address: endpoint?.address ?? "198.51.100.1",
                  ...(endpoint?.mtls === true && { labels: { "security.istio.io/tlsMode": "istio" } }),
                },
              ]
            : [],
      }),
    },
  };
}

export function routeObject(
  { hosts, exportTo: to, gateways, tcp, tls: tlsRoutes }: Parts["routes"][number],
  metadata: object,
) {
  if (tcp.length + tlsRoutes.length === 0) return [];
  const weighted = (all: Parts["routes"][number]["tcp"][number]["route"]) =>
    all.map(({ destination: { host, subset, port }, weight }) => ({
      destination: { host, ...(subset && { subset }), ...(port && { port: { number: port } }) },
      ...(all.length > 1 && { weight }),
    }));
  const matched = ({
    port,
    sourceLabels,
    sourceNamespace,
    destinationSubnets,
  }: Parts["routes"][number]["tls"][number]["match"][number][0]) => ({
    ...(port && { port }),
    ...(sourceLabels && { sourceLabels }),
    ...(sourceNamespace && { sourceNamespace }),
    ...(destinationSubnets && { destinationSubnets }),
  });
  return [
    {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata,
      spec: {
        hosts,
        ...(to && { exportTo: to }),
        ...(gateways && { gateways }),
        tcp: tcp.map(({ match: all, route: to }) => ({
          ...(all && { match: all.map(matched) }),
          route: weighted(to),
        })),
        tls: tlsRoutes.map(({ match: all, route: to }) => ({
          match: all.map(([own, sni]) => ({
            ...matched(own),
            sniHosts: sni.map((index) => hosts[index % hosts.length] ?? ""),
          })),
          route: weighted(to),
        })),
      },
    },
  ];
}

type Policy = Parts["rules"][number]["trafficPolicy"];

/** Settings that say nothing on TLS: without any, Istio refuses the policy. */
const POOL = { connectionPool: { tcp: { maxConnections: 10 } } };

export function policyObject(policy: Policy) {
  if (policy === undefined) return {};
  const { tls: own, ports, passthrough } = policy;
  return {
    trafficPolicy: {
      ...POOL,
      ...(own && { tls: own }),
      ...(passthrough && { loadBalancer: { simple: "PASSTHROUGH" } }),
      ...(ports.length > 0 && {
        portLevelSettings: ports.map(({ number, tls: at }) => ({
          port: { number },
          ...POOL,
          ...(at && { tls: at }),
        })),
      }),
    },
  };
}

export function ruleObject(
  { host, exportTo: to, trafficPolicy: policy, subsets, selector }: Parts["rules"][number],
  metadata: object,
) {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata,
    spec: {
      host,
      ...(to && { exportTo: to }),
      ...policyObject(policy),
      ...(selector && { workloadSelector: { matchLabels: selector } }),
      subsets: subsets.map(({ name, trafficPolicy: own }) => ({
        name,
        labels: { version: name },
        ...policyObject(own),
      })),
    },
  };
}

export function sidecarObject(
  { selector, egress: listeners, mode: policy }: Parts["sidecars"][number],
  metadata: object,
) {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata,
    spec: {
      ...(selector && { workloadSelector: { labels: selector } }),
      // Only the last listener may be for all ports.
      egress: listeners
        .toSorted((a, b) => Number(b.port !== undefined) - Number(a.port !== undefined))
        .map(({ port, hosts }) => ({
          ...(port && { port: { ...port, name: "p" } }),
          hosts: [...new Set(hosts)],
        })),
      ...(policy && { outboundTrafficPolicy: { mode: policy } }),
    },
  };
}

export function peerObject(
  { namespace: at, selector, mode: own, ports }: Parts["peers"][number],
  metadata: object,
) {
  const wide = at === "istio-system" || selector === undefined;
  return {
    apiVersion: "security.istio.io/v1",
    kind: "PeerAuthentication",
    metadata,
    spec: {
      mtls: { mode: own },
      ...(!wide && { selector: { matchLabels: selector } }),
      ...(!wide && ports && { portLevelMtls: { [ports.port]: { mode: ports.mode } } }),
    },
  };
}

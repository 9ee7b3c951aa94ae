/** Istio objects as people write them at first, for the pitfalls that Istio's users reported. */

interface Entry {
  readonly name: string;
  readonly namespace?: string;
  readonly host: string;
  readonly backend: string;
  readonly port?: number;
  readonly addresses?: readonly string[];
  readonly protocol?: string;
  readonly exportTo?: readonly string[];
}

/** A ServiceEntry with the least that Istio accepts. */
export function naiveEntry(entry: Entry) {
  const {
    name,
    namespace = "shop",
    host,
    backend,
    port = 5432,
    addresses,
    protocol = "TCP",
    exportTo,
  } = entry;
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace },
    spec: {
      hosts: [host],
      ...(addresses && { addresses }),
      ports: [{ number: port, name: "db", ...(protocol !== "" && { protocol }) }],
      location: "MESH_EXTERNAL",
      resolution: "STATIC",
      endpoints: [{ address: backend }],
      ...(exportTo && { exportTo }),
    },
  };
}

/** A policy set with one external service for each name, all on port 5432, which `shop/api` may use. */
export function policiesFor(hosts: Readonly<Record<string, string>>, protocol = "postgres"): string {
  return [
    `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters:
    - { name: use1, dataPlane: sidecar, istioVersion: "1.31", addressing: { mode: vips, range: 240.240.0.0/16 } }
`,
    `apiVersion: portreeve.dev/v1
kind: Workload
metadata: { namespace: shop, name: api }
spec: { selector: { app: api } }
`,
    ...Object.entries(hosts).flatMap(([name, host]) => [
      `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: ${name} }
spec: { protocol: ${protocol}, hosts: [${host}], ports: [5432], location: { type: external } }
`,
      `apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: api-${name} }
spec: { from: { workloads: [shop/api] }, to: { service: ${name} } }
`,
    ]),
  ].join("---\n");
}

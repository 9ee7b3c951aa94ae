import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadModel } from "../../load/index.ts";
import { agent, grant, group, type PolicyObject, service, trust, workload } from "../../load/object.ts";
import type { TrustSpecInput } from "../../schema/index.ts";
import { compileKubernetes } from "./compile.ts";
import type { KubernetesObject } from "./objects.ts";
import { MAX_CONFIG_MAP_BYTES } from "./proxy-config-map.ts";

type ClusterInput = TrustSpecInput["clusters"][number];

const estate = (cluster: Partial<ClusterInput> = {}, rest: Partial<TrustSpecInput> = {}) =>
  trust("estate", {
    trustDomain: "prod.example.com",
    clusters: [{ name: "use1", dataPlane: "sidecar", istioVersion: "1.31", ...cluster }],
    ...rest,
  });
const eks = { name: "use1", account: "111122223333", region: "us-east-1" };
const inventory = service("inventory", {
  protocol: "grpc",
  ports: [{ port: 80, targetPort: 8080 }, 9090],
  location: { type: "mesh", namespace: "stock", selector: { app: "inventory" } },
});
const ordersDb = service("orders-db", {
  protocol: "postgres",
  hosts: ["db.example.com"],
  ports: [5432],
  location: { type: "external" },
});
const api = workload("shop/api", { selector: { app: "api" } });

interface Options {
  readonly grouping?: "service" | "grant";
  readonly config?: string;
}

function compile(objects: PolicyObject[], { grouping = "service", config = "{}" }: Options = {}) {
  const model = loadModel({ objects });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const compiled = compileKubernetes({ model, cluster, grouping }, new Map([[0, config]]));
  return { ...compiled, byKey: new Map(compiled.targets.map((target) => [target.key, target])) };
}

function spec(objects: PolicyObject[], key: string, options: Options = {}): unknown {
  const object: KubernetesObject | undefined = compile(objects, options).byKey.get(key)?.object;
  return object && "spec" in object ? object.spec : undefined;
}

const inNamespace = (name: string) => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
});
const podsOf = (name: string, matchLabels: object) => ({
  ...inNamespace(name),
  podSelector: { matchLabels },
});
const proxyPods = podsOf("portreeve", {
  "app.kubernetes.io/name": "portreeve-proxy",
  "portreeve.dev/shard": "0",
});
const tcp = (...ports: number[]) => ports.map((port) => ({ protocol: "TCP", port }));
const dns = {
  to: [podsOf("kube-system", { "k8s-app": "kube-dns" })],
  ports: [
    { protocol: "TCP", port: 53 },
    { protocol: "UDP", port: 53 },
  ],
};
const istiod = { to: [podsOf("istio-system", { app: "istiod" })], ports: tcp(15012) };

describe("ingress of a service in the mesh", () => {
  const key = "NetworkPolicy/stock/portreeve-inventory-ingress";

  test("names the granted pods and the pods' own port", () => {
    const objects = [
      estate(),
      inventory,
      api,
      grant("api-inventory", {
        from: { workloads: ["shop/api"] },
        to: { service: "inventory", ports: [80] },
      }),
    ];
    expect(compile(objects).byKey.get(key)).toEqual({
      key,
      owner: "TcpService",
      subject: "inventory",
      causes: ["Grant/api-inventory", "Service/inventory"],
      object: {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: {
          name: "portreeve-inventory-ingress",
          namespace: "stock",
          labels: { "app.kubernetes.io/managed-by": "portreeve", "portreeve.dev/object": "inventory" },
        },
        spec: {
          podSelector: { matchLabels: { app: "inventory" } },
          policyTypes: ["Ingress"],
          ingress: [{ from: [podsOf("shop", { app: "api" })], ports: tcp(8080) }],
        },
      },
    });
  });

  test("without a grant lets nobody in", () => {
    expect(spec([estate(), inventory], key)).toEqual({
      podSelector: { matchLabels: { app: "inventory" } },
      policyTypes: ["Ingress"],
    });
  });

  test("in ambient mode is on the HBONE port, and lets the kubelet's rewritten probes in", () => {
    const objects = [
      estate({ dataPlane: "ambient" }),
      inventory,
      api,
      grant("a", { from: { workloads: ["shop/api"] }, to: { service: "inventory" } }),
    ];
    expect(spec(objects, key)).toMatchObject({
      ingress: [
        { from: [podsOf("shop", { app: "api" })], ports: tcp(15008) },
        {
          from: [
            { ipBlock: { cidr: "169.254.7.127/32" } },
            { ipBlock: { cidr: "fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128" } },
          ],
        },
      ],
    });
  });

  test("lets whole namespaces in, and the proxy where it guards the service", () => {
    const objects = [
      estate({}, oidc),
      inventory,
      group("dba", { members: { idpGroups: ["okta:dba"] } }),
      grant("a", { from: { namespaces: ["batch"] }, to: { service: "inventory", ports: [9090] } }),
      grant("b", { from: { groups: ["dba"] }, to: { service: "inventory", ports: [80] } }),
    ];
    expect(spec(objects, key)).toMatchObject({
      ingress: [
        { from: [proxyPods], ports: tcp(8080) },
        { from: [inNamespace("batch")], ports: tcp(9090) },
      ],
    });
  });

  test("a workload without selector stands for its whole namespace", () => {
    const objects = [
      estate(),
      inventory,
      workload("shop/api"),
      grant("a", { from: { workloads: ["shop/api"] }, to: { service: "inventory", ports: [80] } }),
    ];
    expect(spec(objects, key)).toMatchObject({ ingress: [{ from: [inNamespace("shop")] }] });
  });

  test("addresses outside are a block, less what is denied; addresses that pods may have open it to every pod", () => {
    const from = (cidrs: string[], denied: string[]) => [
      estate(),
      inventory,
      grant("a", { from: { cidrs }, to: { service: "inventory", ports: [80] } }),
      grant("b", { action: "deny", from: { cidrs: denied }, to: { service: "inventory" } }),
    ];
    expect(spec(from(["203.0.113.0/24"], ["203.0.113.0/25"]), key)).toMatchObject({
      ingress: [{ from: [{ ipBlock: { cidr: "203.0.113.128/25" } }], ports: tcp(8080) }],
    });
    const inside = from(["10.0.0.0/8"], ["192.0.2.0/24"]);
    expect(spec(inside, key)).toMatchObject({
      ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }, { namespaceSelector: {} }] }],
    });
    expect(compile(inside).findings).toMatchObject([{ rule: "PR512", severity: "info", object: "Grant/a" }]);
  });

  test("a deny subtracts where it always holds, and not where it depends on the connection", () => {
    const denied = (when: object) => [
      estate(),
      inventory,
      api,
      grant("a", { from: { workloads: ["shop/api"] }, to: { service: "inventory", ports: [80] } }),
      grant("b", { action: "deny", from: { workloads: ["shop/api"] }, to: { service: "inventory" }, when }),
    ];
    expect(spec(denied({}), key)).not.toHaveProperty("ingress");
    expect(spec(denied({ sourceCidrs: ["10.0.0.0/8"] }), key)).toMatchObject({ ingress: [{}] });
  });

  test("by grant is an isolating policy and one for each grant, which add up", () => {
    const objects = [
      estate(),
      inventory,
      api,
      grant("a", { from: { workloads: ["shop/api"] }, to: { service: "inventory", ports: [80] } }),
      grant("b", { from: { namespaces: ["batch"] }, to: { service: "inventory", ports: [80] } }),
    ];
    const { targets } = compile(objects, { grouping: "grant" });
    const policies = targets.filter(({ key: name }) => name.includes("ingress"));
    expect(policies.map(({ key: name, owner, subject }) => [name, owner, subject])).toEqual([
      ["NetworkPolicy/stock/portreeve-a-ingress-grant", "AccessPolicy", "a"],
      ["NetworkPolicy/stock/portreeve-b-ingress-grant", "AccessPolicy", "b"],
      [key, "TcpService", "inventory"],
    ]);
    expect(policies.map(({ object }) => object.kind === "NetworkPolicy" && object.spec.ingress)).toEqual([
      [{ from: [podsOf("shop", { app: "api" })], ports: tcp(8080) }],
      [{ from: [inNamespace("batch")], ports: tcp(8080) }],
      undefined,
    ]);
  });

  test("from a cluster of another network comes through the east-west gateway; on one network from anywhere", () => {
    const clusters = (network: string) => [
      estate(
        {},
        {
          clusters: [
            { name: "a", dataPlane: "sidecar", istioVersion: "1.31", network: "n1" },
            { name: "b", dataPlane: "sidecar", istioVersion: "1.31", network },
          ],
        },
      ),
      inventory,
      workload("shop/api", { selector: { app: "api" }, clusters: ["b"] }),
      grant("a", { from: { workloads: ["shop/api"] }, to: { service: "inventory", ports: [80] } }),
    ];
    expect(spec(clusters("n2"), key)).toMatchObject({
      ingress: [{ from: [podsOf("istio-system", { istio: "eastwestgateway" })], ports: tcp(8080) }],
    });
    expect(spec(clusters("n1"), key)).toMatchObject({
      ingress: [{ from: [{ ipBlock: { cidr: "0.0.0.0/0" } }, { ipBlock: { cidr: "::/0" } }] }],
    });
  });
});

describe("egress of a workload", () => {
  const key = "NetworkPolicy/shop/portreeve-api-egress";

  test("is DNS, istiod and what its grants lead to, at the ports of pods", () => {
    const objects = [
      estate(),
      inventory,
      ordersDb,
      api,
      grant("a", { from: { workloads: ["shop/api"] }, to: { service: "inventory" } }),
      grant("b", { from: { workloads: ["shop/api"] }, to: { service: "orders-db" } }),
    ];
    expect(spec(objects, key)).toEqual({
      podSelector: { matchLabels: { app: "api" } },
      policyTypes: ["Egress"],
      egress: [
        dns,
        istiod,
        { to: [podsOf("stock", { app: "inventory" })], ports: tcp(8080, 9090) },
        { to: [proxyPods], ports: tcp(24825) },
      ],
    });
  });

  test("in ambient mode has no istiod, and HBONE", () => {
    const objects = [
      estate({ dataPlane: "ambient" }),
      inventory,
      api,
      grant("a", { from: { workloads: ["shop/api"] }, to: { service: "inventory" } }),
    ];
    expect(spec(objects, key)).toMatchObject({
      egress: [dns, { to: [podsOf("stock", { app: "inventory" })], ports: tcp(15008) }],
    });
  });

  test("includes the API server where it is needed and known", () => {
    const needing = workload("shop/api", { selector: { app: "api" }, needs: ["api-server"] });
    expect(
      spec([estate({ apiServerCidrs: ["10.0.0.1/32"], apiServerPort: 6443 }), needing], key),
    ).toMatchObject({
      egress: [dns, istiod, { to: [{ ipBlock: { cidr: "10.0.0.1/32" } }], ports: tcp(6443) }],
    });
    expect(compile([estate(), needing]).findings).toMatchObject([{ rule: "PR514", severity: "warning" }]);
  });

  test("includes the Pod Identity agent for exactly the workloads that use it", () => {
    const objects = [
      estate({ eks }),
      workload("shop/api", { selector: { app: "api" }, aws: { mode: "pod-identity" } }),
      workload("shop/web", { selector: { app: "web" } }),
    ];
    expect(spec(objects, key)).toMatchObject({
      egress: [
        dns,
        istiod,
        {
          to: [{ ipBlock: { cidr: "169.254.170.23/32" } }, { ipBlock: { cidr: "fd00:ec2::23/128" } }],
          ports: tcp(80),
        },
      ],
    });
    expect(spec(objects, "NetworkPolicy/shop/portreeve-web-egress")).toMatchObject({ egress: [dns, istiod] });
  });

  test("with IRSA includes STS: any address, unless the policies know its VPC endpoint", () => {
    const irsa = workload("shop/api", { selector: { app: "api" }, aws: { mode: "irsa" } });
    const open = compile([estate({ eks }), irsa]);
    expect(open.findings).toMatchObject([{ rule: "PR515", severity: "info", object: "Workload/shop/api" }]);
    expect(spec([estate({ eks }), irsa], key)).toMatchObject({
      egress: [dns, istiod, { to: [{ ipBlock: { cidr: "0.0.0.0/0" } }, {}], ports: tcp(443) }],
    });
    const endpoint = service("sts", {
      protocol: "tls",
      hosts: ["sts.us-east-1.amazonaws.com"],
      ports: [443],
      location: { type: "external" },
      resolution: "static",
      endpoints: ["10.0.7.7", "fd00::7"],
    });
    expect(spec([estate({ eks }), irsa, endpoint], key)).toMatchObject({
      egress: [
        dns,
        istiod,
        { to: [{ ipBlock: { cidr: "10.0.7.7/32" } }, { ipBlock: { cidr: "fd00::7/128" } }], ports: tcp(443) },
      ],
    });
  });

  test("of a workload without selector is left open, and said", () => {
    const { byKey, findings } = compile([estate(), workload("shop/api")]);
    expect(byKey.has(key)).toBe(false);
    expect(findings).toMatchObject([{ rule: "PR513", severity: "info", object: "Workload/shop/api" }]);
  });
});

describe("service accounts", () => {
  test("carry the planned role for IRSA, and are left alone where something else owns them", () => {
    const objects = [
      estate({ eks }),
      workload("shop/api", { aws: { mode: "irsa", path: "/apps/" } }),
      workload("shop/web", { createServiceAccount: false }),
    ];
    const { byKey } = compile(objects);
    expect(byKey.get("ServiceAccount/shop/api")?.object.metadata.annotations).toEqual({
      "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/apps/use1-shop-api",
    });
    expect(byKey.has("ServiceAccount/shop/web")).toBe(false);
  });

  test("that would take two roles are an error", () => {
    const objects = [
      estate({ eks }),
      workload("shop/a", { serviceAccount: "shared", aws: { mode: "irsa" } }),
      workload("shop/b", { serviceAccount: "shared", aws: { mode: "irsa" } }),
    ];
    const { findings } = compile(objects);
    expect(findings.filter(({ severity }) => severity === "error")).toMatchObject([
      { rule: "PR602", object: "Workload/shop/b" },
    ]);
  });
});

const oidc: Partial<TrustSpecInput> = {
  identityProviders: {
    oidc: [{ name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve"] }],
  },
};

describe("the proxy", () => {
  test("is not there when no service is behind it", () => {
    expect(compile([estate(), inventory]).targets.filter(({ owner }) => owner === "TcpProxy")).toEqual([]);
  });

  test("is one set of objects a shard, and a Service for each external service", () => {
    const { targets } = compile([estate(), ordersDb, inventory]);
    expect(targets.filter(({ owner }) => owner === "TcpProxy").map(({ key }) => key)).toEqual([
      "ConfigMap/portreeve/portreeve-proxy",
      "Deployment/portreeve/portreeve-proxy",
      "HorizontalPodAutoscaler/portreeve/portreeve-proxy",
      "NetworkPolicy/portreeve/portreeve-proxy",
      "PodDisruptionBudget/portreeve/portreeve-proxy",
      "Service/portreeve/orders-db",
      "Service/portreeve/portreeve-proxy",
      "ServiceAccount/portreeve/portreeve-proxy",
    ]);
    expect(spec([estate(), ordersDb], "Service/portreeve/orders-db")).toEqual({
      type: "ClusterIP",
      selector: { "app.kubernetes.io/name": "portreeve-proxy", "portreeve.dev/shard": "0" },
      ports: [{ name: "tcp-pg-5432", protocol: "TCP", port: 5432, targetPort: 24825 }],
    });
  });

  test("meets the restricted Pod Security Standard", () => {
    const deployment = compile([estate(), ordersDb]).byKey.get(
      "Deployment/portreeve/portreeve-proxy",
    )?.object;
    if (deployment?.kind !== "Deployment") throw new Error("no Deployment");
    const { spec: pod, metadata } = deployment.spec.template;
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    for (const container of pod.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
    const kinds = pod.volumes.flatMap((volume) => Object.keys(volume).filter((name) => name !== "name"));
    expect(new Set(kinds)).toEqual(new Set(["configMap", "projected", "emptyDir"]));
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(metadata.labels).toMatchObject({ "sidecar.istio.io/inject": "false" });
    expect(deployment.spec).not.toHaveProperty("replicas");
  });

  test("in ambient mode finds the pods of a service in the mesh, which it dials by HBONE", () => {
    const objects = [
      inventory,
      group("dba", { members: { idpGroups: ["okta:dba"] } }),
      grant("g", { from: { groups: ["dba"] }, to: { service: "inventory" } }),
    ];
    const providers = {
      identityProviders: { oidc: [{ name: "okta", issuer: "https://o.example.com", audiences: ["p"] }] },
    };
    const key = "Service/stock/portreeve-inventory-pods";
    expect(spec([estate({ dataPlane: "ambient" }, providers), ...objects], key)).toEqual({
      type: "ClusterIP",
      clusterIP: "None",
      selector: { app: "inventory" },
      ports: [
        { name: expect.any(String), protocol: "TCP", port: 80, targetPort: 8080 },
        { name: expect.any(String), protocol: "TCP", port: 9090, targetPort: 9090 },
      ],
    });
    expect(spec([estate({}, providers), ...objects], key)).toBeUndefined();
    expect(spec([estate({ dataPlane: "ambient" }), inventory], key)).toBeUndefined();
  });

  test("in ambient mode is left alone by ztunnel and takes HBONE itself", () => {
    const objects = [estate({ dataPlane: "ambient" }), ordersDb];
    expect(spec(objects, "Deployment/portreeve/portreeve-proxy")).toMatchObject({
      template: {
        metadata: { labels: { "istio.io/dataplane-mode": "none", "networking.istio.io/tunnel": "http" } },
      },
    });
  });

  test("is reached by the granted pods on their listener, and by people from anywhere on the shared port", () => {
    const objects = [
      estate({}, oidc),
      ordersDb,
      api,
      group("dba", { members: { idpGroups: ["okta:dba"] } }),
      grant("a", { from: { workloads: ["shop/api"] }, to: { service: "orders-db" } }),
    ];
    const key = "NetworkPolicy/portreeve/portreeve-proxy";
    const egress = [
      dns,
      istiod,
      { to: [{ ipBlock: { cidr: "0.0.0.0/0" } }, { ipBlock: { cidr: "::/0" } }], ports: tcp(443, 5432) },
    ];
    expect(spec(objects, key)).toMatchObject({
      ingress: [{ from: [podsOf("shop", { app: "api" })], ports: tcp(24825) }],
      egress,
    });
    const people = grant("b", { from: { groups: ["dba"] }, to: { service: "orders-db" } });
    expect(spec([...objects, people], key)).toMatchObject({
      ingress: [{ ports: tcp(8443) }, { from: [podsOf("shop", { app: "api" })], ports: tcp(8443, 24825) }],
      egress,
    });
  });

  test("mounts each client credential that a service shows, and nothing of it is in the ConfigMap", () => {
    const mutual = service("ledger", {
      protocol: "mysql",
      hosts: ["ledger.example.com"],
      ports: [3306],
      location: { type: "external" },
      tls: { mode: "mutual", credential: "ledger-client" },
    });
    expect(spec([estate(), mutual], "Deployment/portreeve/portreeve-proxy")).toMatchObject({
      template: {
        spec: {
          volumes: expect.arrayContaining([
            {
              name: "credentials",
              projected: {
                sources: [
                  {
                    secret: {
                      name: "ledger-client",
                      items: [
                        { key: "tls.crt", path: "ledger-client/tls.crt" },
                        { key: "tls.key", path: "ledger-client/tls.key" },
                      ],
                      optional: true,
                    },
                  },
                ],
              },
            },
          ]),
        },
      },
    });
  });

  test.each(["portreeve-proxy", "portreeve-proxy-3", "9lives"])("a service cannot be called %s", (name) => {
    const { findings } = compile([
      estate(),
      service(name, {
        protocol: "tcp",
        hosts: ["x.example.com"],
        ports: [9],
        location: { type: "external" },
      }),
    ]);
    expect(findings).toMatchObject([{ rule: "PR210", severity: "error" }]);
  });
});

describe("limits", () => {
  test("a configuration over 1 MiB is an error that says how many shards would do", () => {
    const room = MAX_CONFIG_MAP_BYTES - "proxy.json".length;
    expect(compile([estate(), ordersDb], { config: "x".repeat(room) }).findings).toEqual([]);
    expect(compile([estate(), ordersDb], { config: "x".repeat(room + 1) }).findings).toMatchObject([
      { rule: "PR516", severity: "error", fix: "set `proxy.shards` of Trust to about 2" },
    ]);
  });

  test("a NetworkPolicy that the API server would refuse for its size is an error", () => {
    const size = (count: number) => [
      estate(),
      inventory,
      grant("a", {
        from: { namespaces: Array.from({ length: count }, (_, index) => `n${"x".repeat(50)}-${index}`) },
        to: { service: "inventory" },
      }),
    ];
    expect(compile(size(10_000)).findings).toEqual([]);
    expect(compile(size(14_000)).findings).toMatchObject([
      { rule: "PR517", severity: "error", object: "Service/inventory" },
    ]);
  });

  test("names of 63 characters give names and labels that Kubernetes takes, each its own", () => {
    const long = (end: string) => `${"x".repeat(62)}${end}`;
    const objects = [
      estate({}, oidc),
      ...["a", "b"].flatMap((end) => [
        service(long(end), {
          protocol: "tcp",
          ports: [9000],
          location: { type: "mesh", namespace: long("n"), selector: { app: end } },
        }),
        workload(`${long("n")}/${long(end)}`, { selector: { app: `w${end}` } }),
        grant(long(end), { from: { workloads: [`${long("n")}/${long(end)}`] }, to: { service: long(end) } }),
      ]),
    ];
    for (const grouping of ["service", "grant"] as const) {
      const { targets } = compile(objects, { grouping });
      const keys = targets.map(({ key }) => key);
      expect(new Set(keys).size).toBe(keys.length);
      for (const { object } of targets) {
        expect(object.metadata.name).toMatch(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
        for (const value of Object.values(object.metadata.labels ?? {}))
          expect(value.length).toBeLessThan(64);
      }
    }
  });
});

test("the order of policies does not matter", () => {
  const objects = [
    estate({ eks }, oidc),
    inventory,
    ordersDb,
    api,
    workload("shop/web", { selector: { app: "web" }, aws: { mode: "irsa" } }),
    group("dba", { members: { idpGroups: ["okta:dba"], workloads: ["shop/web", "shop/api"] } }),
    agent("bot", {
      identity: { type: "workload", workload: "shop/web" },
      onBehalfOf: { type: "group", group: "dba" },
      owner: "platform",
      expires: "2027-01-01",
      services: ["orders-db"],
      limits: { maxConnections: 1 },
    }),
    grant("a", { from: { groups: ["dba"], namespaces: ["batch", "adm"] }, to: { service: "inventory" } }),
    grant("b", { from: { groups: ["dba"], agents: ["bot"] }, to: { service: "orders-db" } }),
  ];
  for (const grouping of ["service", "grant"] as const) {
    const expected = JSON.stringify(compile(objects, { grouping }).targets);
    fc.assert(
      fc.property(fc.shuffledSubarray(objects, { minLength: objects.length }), (shuffled) => {
        expect(JSON.stringify(compile(shuffled, { grouping }).targets)).toBe(expected);
      }),
      { numRuns: 20 },
    );
  }
});

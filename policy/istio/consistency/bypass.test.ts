import { describe, expect, it } from "vitest";
import { authorization, findingsIn, namespace, peer, pod, rulesIn, service } from "./mesh.fixture.ts";

const allow = authorization(
  "selector: { matchLabels: { app: db } }, rules: [{ from: [{ source: { principals: [td/ns/web/sa/web] } }] }]",
);
const deny = authorization(
  'action: DENY, rules: [{ from: [{ source: { namespaces: [batch] } }], to: [{ operation: { ports: ["5432"] } }] }]',
  "not-batch",
);
const mesh = namespace("shop") + service();
const out = { labels: 'sidecar.istio.io/inject: "false"' };
const annotated = (name: string, ports: string) =>
  pod("db", { annotations: `traffic.sidecar.istio.io/${name}: "${ports}"` });

describe("PR534: pods without a proxy", () => {
  it("are told pod by pod behind one Service, with who is in the mesh and the policy that does not apply", () => {
    const found = findingsIn(mesh + pod("in") + pod("out", out) + allow);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(
      /^PR534 Workload\/shop\/out: shop\/out port 5432 .* while shop\/in .*AuthorizationPolicy shop\/db does not apply/,
    );
  });

  it("are no matter where no policy is for them", () => {
    expect(rulesIn(mesh + pod("in") + pod("out", out))).toEqual([]);
  });

  it("are not known where the namespace is not given", () => {
    expect(rulesIn(service() + pod("db") + allow)).toEqual([]);
    expect(rulesIn(namespace("shop", "team: a") + service() + pod("db") + allow)).toEqual(["PR534"]);
  });

  it("are not meant by a policy for the whole mesh", () => {
    const root = allow
      .replace("namespace: shop", "namespace: istio-system")
      .replace("selector: { matchLabels: { app: db } }, ", "");
    expect(rulesIn(mesh + pod("out", out) + root)).toEqual([]);
  });
});

describe("PR535: inbound ports past the sidecar", () => {
  it.each([
    ["excludeInboundPorts", "5432,9000", ["PR535"]],
    ["excludeInboundPorts", "9000", []],
    ["includeInboundPorts", "9000", ["PR535"]],
    ["includeInboundPorts", "5432", []],
    ["includeInboundPorts", "*", []],
    ["includeInboundPorts", "", ["PR535"]],
  ])("%s %s", (name, ports, expected) => {
    expect(rulesIn(mesh + annotated(name, ports) + allow)).toEqual(expected);
  });

  it("are of the pod, not of the Service", () => {
    const shifted = namespace("shop") + service("{ name: tcp-sql, port: 80, targetPort: 5432 }");
    expect(rulesIn(shifted + annotated("excludeInboundPorts", "80") + allow)).toEqual([]);
    expect(rulesIn(shifted + annotated("excludeInboundPorts", "5432") + allow)).toEqual(["PR535"]);
  });
});

it("PR536: an outbound port past the sidecar, to a port that demands mTLS in another namespace", () => {
  const strict = mesh + pod("db") + peer("mtls: { mode: STRICT }");
  const client = (port: number) => `apiVersion: v1
kind: Pod
metadata: { namespace: web, name: web, annotations: { traffic.sidecar.istio.io/excludeOutboundPorts: "${port}" } }
spec: { containers: [{ name: web, image: web }] }
---
`;
  expect(findingsIn(strict + namespace("web") + client(5432))).toEqual([
    expect.stringMatching(
      /^PR536 Workload\/web\/web: web\/web dials port 5432 .*PeerAuthentication shop\/db .*Service shop\/db/,
    ),
  ]);
  expect(rulesIn(strict + namespace("web") + client(443))).toEqual([]);
  expect(rulesIn(mesh + pod("db") + namespace("web") + client(5432))).toEqual([]);
  // Without a sidecar there is nothing to go past.
  expect(rulesIn(strict + namespace("web", "team: web") + client(5432))).toEqual([]);
});

describe("PR537: plaintext that a policy does not see", () => {
  const portLevel = (mode: string) =>
    peer(
      `selector: { matchLabels: { app: db } }, mtls: { mode: STRICT }, portLevelMtls: { 5432: { mode: ${mode} } }`,
    );

  it("evades a DENY of identities under PERMISSIVE, not under STRICT", () => {
    expect(findingsIn(mesh + pod("db") + deny)[0]).toMatch(
      /^PR537 .*PERMISSIVE by Istio's default.*AuthorizationPolicy shop\/not-batch does not see it/,
    );
    expect(rulesIn(mesh + pod("db") + deny + portLevel("PERMISSIVE"))).toEqual(["PR537"]);
    expect(rulesIn(mesh + pod("db") + deny + portLevel("STRICT"))).toEqual([]);
  });

  it("does not evade an ALLOW of identities: nobody without one matches", () => {
    expect(rulesIn(mesh + pod("db") + allow)).toEqual([]);
    expect(rulesIn(mesh + pod("db") + allow.replace("principals", "notPrincipals"))).toEqual(["PR537"]);
  });

  it("leaves an ALLOW of identities without any on a port with mTLS turned off", () => {
    expect(findingsIn(mesh + pod("db") + allow + portLevel("DISABLE"))[0]).toMatch(
      /^PR537 .*nobody has an identity there/,
    );
    const blocks = authorization("rules: [{ from: [{ source: { ipBlocks: [10.0.0.0/8] } }] }]");
    expect(rulesIn(mesh + pod("db") + blocks + portLevel("DISABLE"))).toEqual([]);
  });

  it("is no matter on ports that the policy is not for", () => {
    expect(rulesIn(mesh + pod("db") + deny.replace("5432", "9000"))).toEqual([]);
  });
});

it("PR538: a pod on the host network", () => {
  const host = pod("db", { spec: "hostNetwork: true" });
  expect(rulesIn(mesh + host + allow)).toEqual(["PR538"]);
  expect(rulesIn(mesh + host)).toEqual([]);
});

describe("PR539: server-first ports (istio#35232, #17457)", () => {
  const on = (port: string) => rulesIn(namespace("shop") + service(port) + pod("db"));

  it.each([
    ["{ name: nats, port: 4222 }", ["PR539"]],
    ["{ name: client, port: 4222, appProtocol: tcp }", []],
    ["{ name: tcp-nats, port: 4222 }", []],
    ["{ name: db, port: 3307, targetPort: 3306 }", ["PR539"]],
    // Istio never sniffs 3306 itself, whatever its name, but believes a name that says http.
    ["{ name: db, port: 3306 }", []],
    ["{ name: mysql, port: 3306 }", []],
    ["{ name: http-db, port: 3306 }", ["PR539"]],
    ["{ name: web, port: 8080 }", []],
  ])("%s", (port, expected) => {
    expect(on(port)).toEqual(expected);
  });

  it("of a ServiceEntry, where the name says nothing", () => {
    const entry = (protocol: string) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { namespace: shop, name: mail }
spec: { hosts: [mail.example.com], resolution: DNS, location: MESH_EXTERNAL, ports: [{ number: 587, name: tcp-mail${protocol} }] }
---
`;
    expect(rulesIn(namespace("shop") + entry(""))).toEqual(["PR539"]);
    expect(rulesIn(namespace("shop") + entry(", protocol: TCP"))).toEqual([]);
  });

  it("is no matter without sidecars", () => {
    expect(
      rulesIn(
        namespace("shop", "istio.io/dataplane-mode: ambient") +
          service("{ name: nats, port: 4222 }") +
          pod("db"),
      ),
    ).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { checkMesh } from "./index.ts";
import {
  findingsIn,
  HOST,
  namespace,
  objectsOf,
  peer,
  pod,
  rule,
  rulesIn,
  service,
  tls,
} from "./mesh.fixture.ts";

const strict = namespace("shop") + namespace("web") + service() + pod("db") + peer("mtls: { mode: STRICT }");
const disable = "trafficPolicy: { tls: { mode: DISABLE } }";

describe("which rule a client uses", () => {
  it("its own namespace's, though it says nothing on TLS", () => {
    const silent = rule(`${HOST}, trafficPolicy: { connectionPool: {} }`, "own", "web");
    const told = findingsIn(strict + silent + rule(tls("mode: DISABLE")));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/concerns clients in shop$/);
  });

  it("the service's namespace, for those that it is exported to", () => {
    expect(findingsIn(strict + rule(tls("mode: DISABLE")))[0]).toMatch(/clients in shop, web$/);
    expect(findingsIn(`${strict}${rule(`${tls("mode: DISABLE")}, exportTo: [.]`)}`)[0]).toMatch(
      /clients in shop$/,
    );
    expect(findingsIn(`${strict}${rule(`${tls("mode: DISABLE")}, exportTo: [web]`)}`)[0]).toMatch(
      /clients in web$/,
    );
  });

  it("the root namespace's for everybody, unless somebody nearer has one", () => {
    const root = rule(`host: "*.local", ${disable}`, "root", "istio-system");
    expect(findingsIn(strict + root)[0]).toMatch(/clients in shop, web$/);
    expect(rulesIn(strict + root + rule(`${HOST}, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }`))).toEqual(
      [],
    );
  });

  it("a third namespace's rule is nobody else's", () => {
    expect(findingsIn(strict + rule(tls("mode: DISABLE"), "stray", "web"))[0]).toMatch(/clients in web$/);
  });

  it("the exact host before wildcards, the longer wildcard before the shorter", () => {
    const wide = rule(`host: "*.svc.cluster.local", ${disable}`, "wide");
    expect(rulesIn(strict + wide)).toEqual(["PR530"]);
    expect(rulesIn(strict + wide + rule(tls("mode: ISTIO_MUTUAL")))).toEqual([]);
    const longer = rule(
      `host: "*.shop.svc.cluster.local", trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }`,
      "longer",
    );
    expect(rulesIn(strict + wide + longer)).toEqual([]);
  });

  it("a short host is completed with the rule's namespace", () => {
    expect(rulesIn(strict + rule(`host: db, ${disable}`))).toEqual(["PR530"]);
    expect(rulesIn(strict + rule(`host: db, ${disable}`, "elsewhere", "web"))).toEqual([]);
    // A host with a dot is taken as it is: `db.shop` is no Service.
    expect(rulesIn(strict + rule(`host: db.shop, ${disable}`))).toEqual([]);
  });

  it("of two rules for one host the first policy stays whole", () => {
    const first = rule(`${HOST}, trafficPolicy: { connectionPool: {} }`, "a");
    expect(rulesIn(strict + first + rule(tls("mode: DISABLE"), "b"))).toEqual([]);
    expect(rulesIn(strict + rule(HOST, "a") + rule(tls("mode: DISABLE"), "b"))).toEqual(["PR530"]);
  });

  it("one for some pods of the client's namespace alone", () => {
    const some = rule(
      `${tls("mode: DISABLE")}, workloadSelector: { matchLabels: { app: old } }`,
      "old",
      "web",
    );
    expect(findingsIn(strict + some)[0]).toMatch(/clients in web$/);
  });
});

describe("which part of a rule", () => {
  it("a port's own settings before the whole policy's", () => {
    const ports = (mode: string, number = 5432) =>
      rule(
        `${HOST}, trafficPolicy: { tls: { mode: DISABLE }, portLevelSettings: [{ port: { number: ${number} }, tls: { mode: ${mode} } }] }`,
      );
    expect(rulesIn(strict + ports("ISTIO_MUTUAL"))).toEqual([]);
    expect(rulesIn(strict + ports("ISTIO_MUTUAL", 5433))).toEqual(["PR530"]);
  });

  it("the whole policy's mode still decides for endpoints of a port whose settings have no tls", () => {
    const settings = (mode: string) =>
      rule(
        `${HOST}, trafficPolicy: { tls: { mode: ${mode} }, portLevelSettings: [{ port: { number: 5432 }, connectionPool: {} }] }`,
      );
    expect(findingsIn(strict + settings("DISABLE"))[0]).toContain("of the whole policy still counts");
    expect(rulesIn(strict + settings("ISTIO_MUTUAL"))).toEqual([]);
  });

  it("tls without a mode is DISABLE", () => {
    expect(findingsIn(strict + rule(tls("sni: db")))[0]).toContain("tls without a mode is DISABLE");
  });

  it("a secret that a sidecar does not read makes plaintext of SIMPLE", () => {
    const told = findingsIn(strict + rule(tls("mode: SIMPLE, credentialName: ca")));
    expect(told[0]).toMatch(/^PR530 .*plaintext at a sidecar unless/);
  });

  it("a subset's settings count for its pods, and only where a route leads to it", () => {
    const subsets = rule(`${HOST}, subsets: [{ name: v1, labels: { version: v1 }, ${disable} }]`);
    const route = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { namespace: shop, name: db }
spec: { hosts: [db], tcp: [{ route: [{ destination: { host: db, subset: v1 } }] }] }
---
`;
    expect(rulesIn(strict + subsets)).toEqual([]);
    expect(rulesIn(strict + subsets + route)).toEqual([]);
    expect(rulesIn(strict + pod("db-1", { labels: "version: v1" }) + subsets + route)).toEqual(["PR530"]);
  });
});

describe("the server's mode", () => {
  it("is that of the target port, not of the Service's", () => {
    const mesh = (port: number) =>
      namespace("shop") +
      service("{ name: tcp-sql, port: 80, targetPort: sql }") +
      pod("db") +
      peer(
        `selector: { matchLabels: { app: db } }, mtls: { mode: STRICT }, portLevelMtls: { ${port}: { mode: PERMISSIVE } }`,
      ) +
      rule(tls("mode: DISABLE"));
    expect(rulesIn(mesh(5432))).toEqual([]);
    expect(rulesIn(mesh(80))).toEqual(["PR530"]);
  });

  it("differs from pod to pod: only those concerned are named", () => {
    const mixed =
      namespace("shop") + service() + pod("in") + pod("out", { labels: 'sidecar.istio.io/inject: "false"' });
    expect(findingsIn(mixed + rule(tls("mode: ISTIO_MUTUAL")))).toEqual([
      expect.stringMatching(/^PR531 .*shop\/out port 5432 has no sidecar/),
    ]);
  });

  it("is none for a port that annotations keep from the sidecar", () => {
    const kept = pod("db", { annotations: 'traffic.sidecar.istio.io/excludeInboundPorts: "5432"' });
    const mesh = namespace("shop") + service() + kept + peer("mtls: { mode: STRICT }");
    expect(rulesIn(mesh + rule(tls("mode: ISTIO_MUTUAL")))).toEqual(["PR531"]);
    expect(rulesIn(mesh + rule(tls("mode: DISABLE")))).toEqual([]);
  });

  it("is taken from the selector where no pod is given", () => {
    expect(rulesIn(service() + peer("mtls: { mode: STRICT }") + rule(tls("mode: DISABLE")))).toEqual([
      "PR530",
    ]);
    // Nothing says that such a pod has no sidecar.
    expect(rulesIn(service() + rule(tls("mode: ISTIO_MUTUAL")))).toEqual([]);
  });
});

it("names both objects with their positions", () => {
  const objects = objectsOf(strict + rule(tls("mode: DISABLE")));
  const [found] = checkMesh(objects, ([index = 0]) => ({
    file: "mesh.yaml",
    line: Number(index) + 1,
    col: 1,
  }));
  expect(found).toMatchObject({ rule: "PR530", position: { line: 6 }, object: "DestinationRule/shop/db" });
  expect(found?.message).toContain("PeerAuthentication shop/db (mesh.yaml:5:1)");
});

describe("where automatic mTLS itself fails", () => {
  const headless = service(undefined, "clusterIP: None");

  it("headless pods with and without a sidecar under STRICT (istio#7495)", () => {
    const mixed =
      namespace("shop") + headless + pod("in") + pod("out", { labels: 'sidecar.istio.io/inject: "false"' });
    expect(rulesIn(mixed + peer("mtls: { mode: STRICT }"))).toEqual(["PR540"]);
    expect(rulesIn(mixed)).toEqual([]);
    expect(rulesIn(namespace("shop") + headless + pod("in") + peer("mtls: { mode: STRICT }"))).toEqual([]);
  });

  it("headless pods with mTLS turned off on a port", () => {
    const off = peer("selector: { matchLabels: { app: db } }, portLevelMtls: { 5432: { mode: DISABLE } }");
    expect(rulesIn(namespace("shop") + headless + pod("in") + off)).toEqual(["PR541"]);
    expect(rulesIn(namespace("shop") + service() + pod("in") + off)).toEqual([]);
    expect(rulesIn(namespace("shop") + headless + pod("in") + off + rule(tls("mode: DISABLE")))).toEqual([]);
  });

  it("a namespace without mTLS and a workload that demands it", () => {
    const both =
      peer("mtls: { mode: DISABLE }", "default") +
      peer("selector: { matchLabels: { app: db } }, mtls: { mode: STRICT }");
    const mesh = namespace("shop") + service() + pod("db") + both;
    expect(rulesIn(mesh)).toEqual(["PR542"]);
    expect(rulesIn(mesh + rule(tls("mode: ISTIO_MUTUAL")))).toEqual([]);
  });
});

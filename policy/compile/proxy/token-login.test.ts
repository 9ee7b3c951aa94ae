import { expect, test } from "vitest";
import { loadModel } from "../../load/index.ts";
import { grant, group, type PolicyObject, service } from "../../load/object.ts";
import type { ServiceSpecInput } from "../../schema/index.ts";
import { compileKubernetes } from "../kubernetes/compile.ts";
import { compileProxy } from "./compile.ts";
import { parseProxyConfig } from "./config-parse.ts";
import { loginEstate } from "./testdata/login-estate.ts";

const estate = loginEstate({ proxy: { connectCertificate: "people-tls" } });

const database = (name: string, rest: Partial<ServiceSpecInput> = {}): PolicyObject[] => [
  service(name, {
    protocol: "postgres",
    hosts: [`${name}.example.com`],
    ports: [5432],
    location: { type: "external" },
    tls: { mode: "simple" },
    auth: "rds-iam",
    aws: { rds: { resourceId: "cluster-ABC", users: ["reader"] } },
    tokenLogin: { provider: "okta", port: 15432 },
    ...rest,
  }),
  grant(`dba-${name}`, { from: { groups: ["dba"] }, to: { service: name } }),
];

function compile(...objects: PolicyObject[]) {
  const model = loadModel({
    objects: [estate, group("dba", { members: { idpGroups: ["okta:dba"] } }), ...objects],
  });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const { targets, findings } = compileProxy({ model, cluster });
  const kubernetes = compileKubernetes({ model, cluster }, new Map()).targets.map(({ object }) => object);
  return { config: targets[0]?.object.config, findings, kubernetes };
}

test("a service whose clients log in by token has a port of the proxy for it, which people can reach", () => {
  const { config, findings, kubernetes } = compile(...database("orders-db"));
  expect(findings).toEqual([]);
  const { listeners } = parseProxyConfig(JSON.stringify(config), "config");
  expect(listeners.at(-1)).toMatchObject({
    name: "orders-db-token",
    mode: "tls",
    port: 15432,
    service: "orders-db",
    servicePort: 5432,
    passwordToken: { provider: "okta" },
    certificate: { cert: "/etc/portreeve/credentials/people-tls/tls.crt" },
  });
  const connect = kubernetes.find(
    ({ kind, metadata }) => kind === "Service" && metadata.name === "portreeve-proxy",
  );
  expect(connect).toMatchObject({
    spec: { ports: [{ port: 8443 }, { name: "tcp-token-15432", port: 15432, targetPort: 15432 }] },
  });
  const policy = kubernetes.find(
    ({ kind, metadata }) => kind === "NetworkPolicy" && metadata.name === "portreeve-proxy",
  );
  expect(policy).toMatchObject({ spec: { ingress: [{ ports: [{ port: 8443 }, { port: 15432 }] }] } });
});

test.each<[string, PolicyObject[], string, RegExp]>([
  [
    "without a login of the proxy's",
    database("a", { auth: "none" }),
    "PR610",
    /has to log in for the client/,
  ],
  ["in another protocol", database("a", { protocol: "mysql" }), "PR610", /as PostgreSQL does/],
  ["of a service with two ports", database("a", { ports: [5432, 5433] }), "PR610", /one port/],
  [
    "of a service that has no proxy",
    database("a", { location: { type: "external", egress: "gateway" } }),
    "PR610",
    /`tokenLogin` of a has no effect/,
  ],
  [
    "on the shared port",
    database("a", { tokenLogin: { provider: "okta", port: 8443 } }),
    "PR208",
    /shared port/,
  ],
  ["on a planned port", database("a", { tokenLogin: { provider: "okta", port: 20000 } }), "PR208", /planned/],
  ["on the port of another", [...database("a"), ...database("b")], "PR208", /the one of a/],
])("a token login %s is an error", (_, objects, rule, message) => {
  const { findings } = compile(...objects);
  expect(findings.filter((finding) => finding.rule === rule && message.test(finding.message))).toHaveLength(
    1,
  );
});

test("a provider that is not there is an error", () => {
  expect(() => compile(...database("a", { tokenLogin: { provider: "octa", port: 15432 } }))).toThrow(
    /unknown identity provider "octa"; did you mean "okta"/,
  );
});

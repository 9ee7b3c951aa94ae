import { expect, test } from "vitest";
import { type Connection, decide } from "../../decide/index.ts";
import { loadModel } from "../../load/index.ts";
import { agent, grant, group, service, trust } from "../../load/object.ts";
import type { AgentSpecInput, TrustSpecInput } from "../../schema/index.ts";
import { compileKubernetes } from "../kubernetes/compile.ts";
import { compileProxy } from "./compile.ts";
import { parseProxyConfig } from "./config-parse.ts";

const NOW = Date.parse("2026-11-21T00:00:00Z");

function compile(spec: Partial<TrustSpecInput>, triage: Partial<AgentSpecInput> = {}) {
  const model = loadModel({
    objects: [
      trust("estate", {
        trustDomain: "prod.example.com",
        clusters: [{ name: "use1", dataPlane: "sidecar", istioVersion: "1.31" }],
        ...spec,
      }),
      service("orders-db", {
        protocol: "postgres",
        hosts: ["orders-db.example.com"],
        ports: [5432],
        location: { type: "external" },
      }),
      group("dba", {
        members: {
          users: ["okta:alice@example.com"],
          awsRoles: ["arn:aws:iam::111122223333:role/teams/data/dba"],
        },
      }),
      agent("triage", {
        identity: { type: "oidc", subject: "okta:bot-1" },
        onBehalfOf: { type: "user", user: "okta:alice@example.com" },
        owner: "okta:owner@example.com",
        expires: "2027-01-01T00:00:00Z",
        services: ["orders-db"],
        limits: { maxConnections: 5 },
        ...triage,
      }),
      grant("people", { from: { groups: ["dba"] }, to: { service: "orders-db" } }),
      grant("agents", { from: { agents: ["triage"] }, to: { service: "orders-db" } }),
    ],
  });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const config = compileProxy({ model, cluster }).targets[0]?.object.config;
  // The proxy reads what the compiler writes.
  const parsed = parseProxyConfig(JSON.stringify(config), "config");
  const decided = (principal: Connection["principal"]) =>
    decide(model.table, { via: "proxy", service: "orders-db", port: 5432, principal }, NOW).reason;
  return { model, cluster, parsed, decided };
}

const providers = {
  identityProviders: {
    oidc: [
      {
        name: "okta",
        issuer: "https://okta.example.com",
        audiences: ["portreeve"],
        clients: ["cli"],
        grace: "1m",
        ca: "/etc/portreeve/ca/okta.pem",
      },
    ],
    aws: [
      {
        name: "prod",
        account: "111122223333",
        regions: ["eu-west-1", "us-east-1"],
        audience: "estate-1",
        session: "1h",
      },
    ],
  },
};

test("identity providers of Trust are the proxy's, with bounds in its own terms", () => {
  expect(compile(providers).parsed.identityProviders).toMatchObject({
    oidc: [
      {
        name: "okta",
        clients: ["cli"],
        ca: "/etc/portreeve/ca/okta.pem",
        userClaim: "email",
        clockSkew: 30_000,
        grace: 60_000,
      },
    ],
    aws: ["eu-west-1", "us-east-1"].map((region) => ({
      name: "prod",
      accounts: ["111122223333"],
      endpoint: `sts.${region}.amazonaws.com`,
      audience: "estate-1",
      maxAge: 900_000,
      session: 3_600_000,
      grace: 30_000,
    })),
  });
});

test("an agent that is suspended may nothing, wherever it is asked, and the proxy is told to end it", () => {
  const alive = compile(providers);
  const killed = compile(providers, { suspended: true });
  expect(alive.decided({ agent: "triage" })).toBe("allowed");
  expect(killed.decided({ agent: "triage" })).toBe("agent-not-valid");
  expect(killed.decided({ agent: "triage", person: { user: "okta:alice@example.com" } })).toBe(
    "agent-not-valid",
  );
  expect(killed.decided({ person: { user: "okta:alice@example.com" } })).toBe("allowed");
  expect(alive.parsed.agents).toMatchObject([{ name: "triage", disabled: false }]);
  expect(killed.parsed.agents).toMatchObject([{ name: "triage", disabled: true }]);
  // So that access tables and diffs tell of it.
  expect(alive.model.rules.some(({ id }) => id === "agents")).toBe(true);
  expect(killed.model.rules.some(({ id }) => id === "agents")).toBe(false);
  expect(killed.model.digest).not.toBe(alive.model.digest);
});

test("a role is the same with and without its path, because STS tells none", () => {
  const { decided } = compile(providers);
  expect(decided({ person: { awsRole: "arn:aws:iam::111122223333:role/dba" } })).toBe("allowed");
  expect(decided({ person: { awsRole: "arn:aws:iam::111122223333:role/teams/data/dba" } })).toBe("allowed");
  expect(decided({ person: { awsRole: "arn:aws:iam::999999999999:role/dba" } })).toBe("no-grant-for-person");
  expect(decided({ person: { awsRole: "arn:aws:iam::111122223333:role/data" } })).toBe("no-grant-for-person");
});

test("the shared port shows the certificate that Trust names, and its Secret is mounted", () => {
  const { parsed, model, cluster } = compile({ ...providers, proxy: { connectCertificate: "people-tls" } });
  const folder = "/etc/portreeve/credentials/people-tls";
  expect(parsed.listeners[0]).toMatchObject({
    name: "connect",
    certificate: { cert: `${folder}/tls.crt`, key: `${folder}/tls.key` },
  });
  const { targets } = compileKubernetes({ model, cluster }, new Map());
  expect(JSON.stringify(targets)).toContain('"name":"people-tls"');
});

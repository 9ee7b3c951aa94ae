/** Policies, records and an admin interface of any size, for the page to show. */
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { stringify } from "yaml";

/** That of the test proxy. */
const DOMAIN = "test.org";

const document = (kind: string, metadata: object, spec: object): string =>
  stringify({ apiVersion: "portreeve.dev/v1", kind, metadata, spec });

/** Writes policies with so many workloads and services together, and returns their folder. */
export function writePolicies(dir: string, nodes: number): string {
  const folder = join(dir, `policies-${nodes}`);
  mkdirSync(folder, { recursive: true });
  const services = Math.max(1, Math.floor(nodes / 3));
  const workloads = nodes - services;
  const parts = [
    document(
      "Trust",
      { name: "test" },
      { trustDomain: DOMAIN, clusters: [{ name: "c1", dataPlane: "sidecar", istioVersion: "1.31" }] },
    ),
  ];
  for (let n = 0; n < services; n++) {
    parts.push(
      document(
        "Service",
        { name: `db-${n}` },
        {
          protocol: "postgres",
          owner: "team",
          hosts: [`db-${n}.test.example.com`],
          ports: [5432],
          location: { type: "external" },
          tls: { mode: "simple", ca: "/etc/ca.pem" },
        },
      ),
    );
  }
  for (let n = 0; n < workloads; n++) {
    const name = { name: `app-${n}`, namespace: `team-${n % 12}` };
    parts.push(document("Workload", name, { selector: { app: name.name }, owner: "team" }));
    parts.push(
      document(
        "Grant",
        { name: `grant-${n}` },
        {
          from: { workloads: [`${name.namespace}/${name.name}`] },
          to: { service: `db-${(n * 7) % services}` },
          owner: "team",
        },
      ),
    );
  }
  writeFileSync(join(folder, "policies.yaml"), parts.join("---\n"));
  return folder;
}

export const spiffe = (namespace: string, account: string): string =>
  `spiffe://${DOMAIN}/ns/${namespace}/sa/${account}`;

/** Records of refused connections, as the proxy writes them, each of another kind. */
export function refusedLines(count: number): string {
  return Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      time: new Date(Date.UTC(2026, 10, 21, 12, 0, n % 60)).toISOString(),
      event: "close",
      connection: `refused-${n}`,
      "src.addr": `10.0.0.${n % 200}:${40_000 + n}`,
      "src.identity": spiffe(`team-${n % 12}`, `app-${n % 180}`),
      "dst.service": `db-${(n + 1) % 3}`,
      "dst.port": 5432,
      verdict: "deny",
      reason: "no-grant-for-workload",
      close: "denied",
      "db.user": "must-not-be-shown",
    }),
  )
    .map((line) => `${line}\n`)
    .join("");
}

/** An admin interface that answers as a proxy does. */
export async function serveAdmin(path: string, connections: number): Promise<Server> {
  const all = Array.from({ length: connections }, (_, n) => ({
    id: `live-${n}`,
    since: new Date(Date.now() - n * 1_000).toISOString(),
    phase: "relay",
    listener: "db",
    source: `10.0.0.${n % 200}:${30_000 + (n % 30_000)}`,
    principal: { workload: spiffe(`team-${n % 12}`, `app-${n}`) },
    service: `db-${n % 3}`,
    port: 5432,
    upstream: "10.1.0.1:5432",
    rule: `grant-${n}`,
    bytesSent: n * 1_000,
    bytesReceived: n * 10,
  }));
  const server = createServer(({ url }, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(url === "/policy" ? { digest: "sha256:0123456789abcdef" } : all));
  });
  await new Promise<void>((done) => server.listen(path, done));
  return server;
}

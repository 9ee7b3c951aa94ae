// A team that owns one service imports one component: the estate's Trust is a file, the rest is theirs.
import { join } from "node:path";
import { TcpService, WorkloadIdentity } from "portreeve";

const trust = join(import.meta.dirname, "trust.yaml");
const api = new WorkloadIdentity("api", { trust, namespace: "shop", selector: { app: "api" } });
const ledger = new TcpService("ledger", {
  trust,
  protocol: "postgres",
  ports: [5432],
  owner: "team-ledger",
  location: { type: "mesh", namespace: "shop", selector: { app: "ledger" } },
});
const grant = ledger.allowFrom(api.grantee, { ports: [5432], owner: "team-ledger" });

export const host = ledger.host;
export const access = grant.access.map((row) => `${row.from} → ${row.service}:${row.port} (${row.point})`);

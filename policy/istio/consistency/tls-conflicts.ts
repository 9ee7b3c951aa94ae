import type { Finding } from "../../finding.ts";
import { backendsOf } from "./backends.ts";
import { type ClientMode, clientMode } from "./client-mode.ts";
import { type Client, clientsOf, isVisible } from "./clients.ts";
import { DestinationRules } from "./destination-rules.ts";
import type { Backend } from "./server-mode.ts";
import { finding, listed } from "./tell.ts";
import { type Cell, protocolConflict, TRUTH_TABLE } from "./truth-table.ts";
import { hasLabels, type MeshPort, type MeshService, named, namedPolicy, type World } from "./world.ts";

type SetMode = Extract<ClientMode, { readonly type: "set" }>;

/** The same mistake, as several clients make it with several workloads. */
interface Conflict {
  readonly rule: Exclude<Cell, "works" | "not judged"> | "PR533";
  readonly mode: SetMode;
  readonly service: MeshService;
  readonly port: MeshPort;
  readonly subset: string | undefined;
  /** One of the workloads, to name its policy. */
  readonly backend: Backend;
  readonly because: string | undefined;
  readonly clients: Set<string>;
  readonly workloads: Set<string>;
}

/** DestinationRules that disagree with what they lead to (PR530, PR531, PR532) or with the protocol (PR533). */
export function tlsConflicts(world: World): Finding[] {
  const rules = new DestinationRules(world.rules, world.rootNamespace);
  const conflicts = new Map<string, Conflict>();
  for (const client of clientsOf(world)) {
    for (const service of world.services) {
      if (!isVisible(service, client.namespace)) continue;
      const merged = rules.find(client.namespace, client.labels, service);
      if (merged === undefined) continue;
      const subsets = merged.subsets.filter(({ subset }) =>
        world.routedSubsets.has(`${service.host}|${subset.name}`),
      );
      for (const port of service.ports) {
        const backends = backendsOf(world, service, port);
        const judge = (mode: ClientMode, behind: readonly Backend[], subset?: string): void => {
          if (mode.type === "set") {
            for (const one of conflictsOf(mode, service, port, behind, subset)) {
              // HTTP that a route brings here from another port is what the TLS is started for.
              if (one.rule === "PR533" && world.httpRoutedPorts.has(`${service.host}|${port.number}`))
                continue;
              add(conflicts, one, client);
            }
          }
        };
        judge(clientMode(merged, port.number), backends);
        for (const { subset } of subsets) {
          const behind = backends.filter(({ labels }) => hasLabels(subset.labels ?? {}, labels));
          judge(clientMode(merged, port.number, subset.name), behind, subset.name);
        }
      }
    }
  }
  return [...conflicts.values()].map((conflict) => toFinding(world, conflict));
}

type Single = Omit<Conflict, "clients" | "workloads"> & { readonly workload: string };

function* conflictsOf(
  mode: SetMode,
  service: MeshService,
  port: MeshPort,
  backends: readonly Backend[],
  subset: string | undefined,
): Generator<Single> {
  const base = { mode, service, port, subset };
  const because = protocolConflict(mode.mode, port.protocol);
  for (const backend of backends) {
    const cell = TRUTH_TABLE[mode.mode][backend.mode];
    if (cell !== "works" && cell !== "not judged") {
      yield { ...base, rule: cell, backend, because: undefined, workload: backend.name };
    } else if (because !== undefined) {
      yield { ...base, rule: "PR533", backend, because, workload: backend.name };
    }
  }
}

function add(conflicts: Map<string, Conflict>, { workload, ...single }: Single, { namespace }: Client): void {
  const { rule, mode, service, port, subset, backend } = single;
  const key = JSON.stringify([
    rule,
    mode.path,
    service.path,
    service.host,
    port.number,
    subset,
    backend.policy,
    backend.port,
    backend.mode,
  ]);
  const known = conflicts.get(key) ?? { ...single, clients: new Set<string>(), workloads: new Set<string>() };
  known.clients.add(namespace);
  known.workloads.add(workload);
  conflicts.set(key, known);
}

function toFinding(world: World, conflict: Conflict): Finding {
  const { rule, mode, service, port, subset, backend, clients, workloads } = conflict;
  const to = `${service.host}:${port.number}${subset === undefined ? "" : ` (subset ${subset})`}`;
  const where = `${named(world, mode.rule.id, undefined)} sets ${mode.mode} for ${to}`;
  const why = mode.because === undefined ? "" : ` (${mode.because})`;
  const who = `; concerns clients in ${listed(clients)}`;
  const target = `${listed(workloads)} port ${backend.port}`;
  const policy =
    backend.policy === undefined ? undefined : namedPolicy(world, "PeerAuthentication", backend.policy);
  return finding(
    world,
    rule,
    mode.path,
    mode.rule.id,
    `${where}${why}, ${told(conflict, target, policy)}${who}`,
    fixes[rule],
  );
}

const fixes: Readonly<Record<Conflict["rule"], string>> = {
  PR530: "remove `tls` from the DestinationRule: Istio then uses mTLS wherever it is taken",
  PR531: "remove `tls` from the DestinationRule: Istio then uses mTLS only where it is taken",
  PR532:
    "remove `tls` from the DestinationRule, or make the PeerAuthentication of that port PERMISSIVE if the application serves TLS itself",
  PR533:
    "remove `tls` from the DestinationRule, or originate TLS on a port of a protocol that can be wrapped",
};

function told(
  { rule, backend, because, service }: Conflict,
  target: string,
  policy: string | undefined,
): string {
  switch (rule) {
    case "PR530":
      return `but ${policy} demands mTLS on ${target}: every connection is refused`;
    case "PR531":
      if (backend.mode === "external")
        return `but ${service.id} is outside of the mesh and has no certificate of Istio's`;
      if (backend.mode === "none") return `but ${target} has no sidecar before it to answer mTLS`;
      return `but ${policy} turns mTLS off on ${target}: the application gets the handshake as data`;
    case "PR532":
      return `but ${policy} demands a certificate of the mesh on ${target}, and this TLS presents none`;
    case "PR533":
      return `but ${because}`;
  }
}

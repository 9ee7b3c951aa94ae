import type { Path, Sourced } from "../load/source.ts";
import { didYouMean } from "../load/suggest.ts";
import type { Kind } from "../schema/index.ts";
import type { ByKind } from "./by-kind.ts";
import type { Report } from "./report.ts";
import type { Trust } from "./types.ts";

/** Checks that every name an object refers to exists (PR111). */
export function checkReferences(byKind: ByKind, trust: Trust, report: Report): void {
  const check = new ReferenceCheck(byKind, trust, report);
  for (const source of byKind.Service.values()) {
    const { location, tokenLogin } = source.document.spec;
    check.clusters(source, ["spec", "location", "clusters"], location.clusters);
    if (tokenLogin) check.providerName(source, ["spec", "tokenLogin", "provider"], tokenLogin.provider);
  }
  for (const source of byKind.Workload.values()) {
    const { spec } = source.document;
    check.clusters(source, ["spec", "clusters"], spec.clusters);
    check.names("Group", source, ["spec", "groups"], spec.groups);
  }
  for (const source of byKind.Group.values()) {
    const { members } = source.document.spec;
    check.providers(source, ["spec", "members", "idpGroups"], members.idpGroups);
    check.providers(source, ["spec", "members", "users"], members.users);
    check.names("Workload", source, ["spec", "members", "workloads"], members.workloads);
    check.names("Agent", source, ["spec", "members", "agents"], members.agents);
  }
  for (const source of byKind.Agent.values()) checkAgent(check, source);
  for (const source of byKind.Grant.values()) checkGrant(check, source, byKind, report);
  for (const source of byKind.Waiver.values()) {
    for (const [index, target] of source.document.spec.scope.entries()) {
      const slash = target.indexOf("/");
      check.one(target.slice(0, slash) as Kind, source, ["spec", "scope", index], target.slice(slash + 1));
    }
  }
}

function checkAgent(check: ReferenceCheck, source: Sourced<"Agent">): void {
  const { identity, onBehalfOf, services } = source.document.spec;
  if (identity.type === "workload")
    check.one("Workload", source, ["spec", "identity", "workload"], identity.workload);
  else check.provider(source, ["spec", "identity", "subject"], identity.subject);
  if (onBehalfOf.type === "group")
    check.one("Group", source, ["spec", "onBehalfOf", "group"], onBehalfOf.group);
  else check.provider(source, ["spec", "onBehalfOf", "user"], onBehalfOf.user);
  check.names("Service", source, ["spec", "services"], services);
}

function checkGrant(check: ReferenceCheck, source: Sourced<"Grant">, byKind: ByKind, report: Report): void {
  const { from, to, when } = source.document.spec;
  if (Object.values(from).every((list) => list.length === 0)) {
    report.error(
      "PR405",
      source,
      ["spec", "from"],
      "this grant is from nobody",
      "name workloads, groups, agents, namespaces or cidrs",
    );
  }
  check.names("Workload", source, ["spec", "from", "workloads"], from.workloads);
  check.names("Group", source, ["spec", "from", "groups"], from.groups);
  check.names("Agent", source, ["spec", "from", "agents"], from.agents);
  check.one("Service", source, ["spec", "to", "service"], to.service);
  if (
    when?.notBefore !== undefined &&
    when.expires !== undefined &&
    Date.parse(when.notBefore) >= Date.parse(when.expires)
  ) {
    report.error(
      "PR406",
      source,
      ["spec", "when", "expires"],
      "this grant ends before it starts",
      "correct `notBefore` or `expires`",
    );
  }
  const service = byKind.Service.get(to.service)?.document.spec;
  if (service && to.ports) {
    const known = service.ports.map((port) => (typeof port === "number" ? port : port.port));
    for (const [index, port] of to.ports.entries()) {
      if (known.includes(port)) continue;
      const ports = known.join(", ");
      report.error(
        "PR111",
        source,
        ["spec", "to", "ports", index],
        `${to.service} has no port ${port}`,
        `use one of its ports: ${ports}`,
      );
    }
  }
  for (const [index, name] of from.agents.entries()) {
    const agent = byKind.Agent.get(name);
    if (!agent || agent.document.spec.services.includes(to.service)) continue;
    report.error(
      "PR407",
      source,
      ["spec", "from", "agents", index],
      `agent ${name} is not allowed to use ${to.service}`,
      `add ${to.service} to the agent's \`services\`, or remove it here`,
    );
  }
}

/** Comparing a misspelt name with ten thousand others takes milliseconds; a whole missing file would take hours. */
const MAX_HINTS = 50;

class ReferenceCheck {
  readonly #byKind: ByKind;
  readonly #clusters: readonly string[];
  readonly #providers: readonly string[];
  readonly #report: Report;
  #hints = 0;

  constructor(byKind: ByKind, trust: Trust, report: Report) {
    this.#byKind = byKind;
    this.#clusters = trust.spec.clusters.map((cluster) => cluster.name);
    this.#providers = trust.spec.identityProviders.oidc.map((provider) => provider.name);
    this.#report = report;
  }

  one(kind: Kind, source: Sourced, path: Path, name: string): void {
    this.#known(kind, this.#byKind[kind].keys(), this.#byKind[kind].has(name), source, path, name);
  }

  names(kind: Kind, source: Sourced, path: Path, names: readonly string[]): void {
    for (const [index, name] of names.entries()) this.one(kind, source, [...path, index], name);
  }

  clusters(source: Sourced, path: Path, names: readonly string[] | undefined): void {
    for (const [index, name] of (names ?? []).entries()) {
      this.#known("cluster", this.#clusters, this.#clusters.includes(name), source, [...path, index], name);
    }
  }

  provider(source: Sourced, path: Path, qualified: string): void {
    this.providerName(source, path, qualified.slice(0, qualified.indexOf(":")));
  }

  providerName(source: Sourced, path: Path, name: string): void {
    this.#known("identity provider", this.#providers, this.#providers.includes(name), source, path, name);
  }

  providers(source: Sourced, path: Path, names: readonly string[]): void {
    for (const [index, name] of names.entries()) this.provider(source, [...path, index], name);
  }

  #known(
    what: string,
    candidates: Iterable<string>,
    found: boolean,
    source: Sourced,
    path: Path,
    name: string,
  ): void {
    if (found) return;
    const hint = this.#hints++ < MAX_HINTS ? didYouMean(name, candidates) : "";
    this.#report.error(
      "PR111",
      source,
      path,
      `unknown ${what} "${name}"${hint}`,
      `name ${/^[aeio]/i.test(what) ? "an" : "a"} ${what} that exists, or define it`,
    );
  }
}

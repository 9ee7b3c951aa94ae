import { blockHolds, parseAddress, parseBlock } from "../decide/address.ts";
import type { Connection } from "../decide/connection.ts";
import { namespaceOfPath, splitSpiffeId } from "../decide/key.ts";
import type { Reason } from "../decide/verdict.ts";
import type { Model, Rule } from "../model/types.ts";

/** One party of a connection, of which a rule can speak. */
export type Party =
  | { readonly kind: "peer"; readonly workload: string | undefined; readonly address: string | undefined }
  | { readonly kind: "person"; readonly names: readonly string[] }
  | { readonly kind: "agent"; readonly name: string };

/** The respects in which a rule can miss a connection. */
export type Respect = "who" | "port" | "via" | "notBefore" | "expires" | "source" | "sni";

/** A rule that does not match, and in what. */
export interface Miss {
  readonly rule: Rule;
  readonly differs: readonly { readonly respect: Respect; readonly text: string }[];
}

/** The party that a verdict speaks of: the one that no grant lets in. */
export function missingParty(connection: Connection, reason: Reason): Party {
  const { workload, person, agent } = connection.principal;
  if (reason === "no-grant-for-agent" && agent !== undefined) return { kind: "agent", name: agent };
  if (reason === "no-grant-for-person" && person) {
    const { user, groups, awsRole } = person;
    return { kind: "person", names: [user, awsRole, ...(groups ?? [])].filter((name) => name !== undefined) };
  }
  return { kind: "peer", workload, address: connection.sourceIp };
}

/** Who is wrong weighs most: a grant of somebody else is further away than one's own grant for another port. */
const WEIGHT: Readonly<Record<Respect, number>> = {
  who: 4,
  port: 2,
  via: 2,
  notBefore: 1,
  expires: 1,
  source: 1,
  sni: 1,
};

/** A grant for workloads is further from a person than one for other people. */
const OTHER_KIND = 4;

/** The rule of this action that comes nearest to matching, and what differs; the first by name of those equally near. */
export function nearestMiss(
  model: Model,
  action: Rule["action"],
  party: Party,
  connection: Connection,
  instant: number,
): Miss | undefined {
  const misses = model.rules
    .filter(
      (rule) => rule.service === connection.service && rule.action === action && rule.source === "grant",
    )
    .map((rule) => miss(rule, party, connection, instant))
    .filter(({ differs }) => differs.length > 0);
  const weight = ({ rule, differs }: Miss): number =>
    differs.reduce((sum, { respect }) => sum + WEIGHT[respect], 0) +
    (isForKind(rule, party) ? 0 : OTHER_KIND);
  return misses.sort((a, b) => weight(a) - weight(b))[0];
}

/** In what a rule misses a connection; in nothing when it matches. */
export function miss(rule: Rule, party: Party, connection: Connection, instant: number): Miss {
  const { when, ports, via } = rule;
  const differs: { respect: Respect; text: string }[] = [];
  const add = (respect: Respect, text: string): void => {
    differs.push({ respect, text });
  };
  if (!names(rule, party, connection)) add("who", `it is for ${whoText(rule)}`);
  if (!ports.includes(connection.port)) add("port", `it is for port ${ports.join(", ")}`);
  if (!via.includes(connection.via)) add("via", `it holds at the ${via.join(" and the ")}`);
  if (when.notBefore !== undefined && instant < Date.parse(when.notBefore))
    add("notBefore", `it starts at ${when.notBefore}`);
  if (when.expires !== undefined && instant >= Date.parse(when.expires))
    add("expires", `it ended at ${when.expires}`);
  if (when.sourceCidrs && !isWithin(connection.sourceIp, when.sourceCidrs, rule.action))
    add("source", `it is only from ${when.sourceCidrs.join(", ")}`);
  if (when.sni && !when.sni.some((pattern) => isServerName(pattern, connection.sni)))
    add("sni", `it is only for the server name ${when.sni.join(", ")}`);
  return { rule, differs };
}

function names({ subjects, action }: Rule, party: Party, connection: Connection): boolean {
  const byAddress = isWithin(connection.sourceIp, subjects.cidrs, action) && subjects.cidrs.length > 0;
  switch (party.kind) {
    case "agent":
      return subjects.agents.includes(party.name) || (action === "deny" && byAddress);
    case "person": {
      const all = [...subjects.users, ...subjects.idpGroups, ...subjects.awsRoles];
      return party.names.some((name) => all.includes(name)) || (action === "deny" && byAddress);
    }
    case "peer": {
      const parts = splitSpiffeId(party.workload ?? "");
      const namespace = parts && namespaceOfPath(parts.path);
      return (
        (party.workload !== undefined && subjects.workloads.includes(party.workload)) ||
        subjects.namespaces.some(
          (known) => known.namespace === namespace && known.trustDomain === parts?.trustDomain,
        ) ||
        byAddress
      );
    }
  }
}

function isForKind({ subjects }: Rule, { kind }: Party): boolean {
  const { workloads, namespaces, cidrs, users, idpGroups, awsRoles, agents } = subjects;
  switch (kind) {
    case "agent":
      return agents.length > 0;
    case "person":
      return users.length + idpGroups.length + awsRoles.length > 0;
    case "peer":
      return workloads.length + namespaces.length + cidrs.length > 0;
  }
}

/** As in `decide`: an address that nobody knows is in no block that allows and in every block that denies. */
function isWithin(address: string | undefined, cidrs: readonly string[], action: Rule["action"]): boolean {
  const parsed = parseAddress(address ?? "");
  if (parsed === undefined) return action === "deny";
  return cidrs.some((cidr) => {
    const block = parseBlock(cidr);
    return block !== undefined && blockHolds(block, parsed);
  });
}

function isServerName(pattern: string, name: string | undefined): boolean {
  const asked = name?.toLowerCase().replace(/\.$/, "");
  if (asked === undefined) return false;
  return pattern.startsWith("*.")
    ? asked.length > pattern.length - 1 && asked.endsWith(pattern.slice(1))
    : pattern === asked;
}

function whoText({ subjects }: Rule): string {
  const { workloads, namespaces, cidrs, users, idpGroups, awsRoles, agents } = subjects;
  const all = [
    ...workloads.map((id) => id.replace(/^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\//, "$1/")),
    ...namespaces.map(({ namespace }) => `namespace ${namespace}`),
    ...cidrs,
    ...users,
    ...idpGroups,
    ...awsRoles,
    ...agents.map((agent) => `agent ${agent}`),
  ];
  const shown = all.slice(0, 5).join(", ");
  return all.length > 5 ? `${shown} and ${all.length - 5} more` : shown;
}

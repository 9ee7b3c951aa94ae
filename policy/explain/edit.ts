import type { Connection } from "../decide/connection.ts";
import type { Sourced } from "../load/source.ts";
import type { Model } from "../model/types.ts";
import type { GrantSpec } from "../schema/index.ts";
import type { Miss, Party } from "./nearest.ts";

/** A change of the policies, in words and as what they then are. */
export interface Edit {
  readonly text: string;
  apply(documents: readonly Sourced[]): readonly Sourced[];
}

type GrantSource = Sourced<"Grant">;

const isGrant = (source: Sourced, name?: string): source is GrantSource =>
  source.document.kind === "Grant" && (name === undefined || source.document.metadata.name === name);

/** Takes a grant out. */
export function removeGrant(name: string): Edit {
  return {
    text: `remove Grant/${name}`,
    apply: (documents) => documents.filter((source) => !isGrant(source, name)),
  };
}

/** Changes a grant, so that it no longer misses the connection. `undefined` when that cannot be done in the grant itself. */
export function mendGrant(
  { rule, differs }: Miss,
  party: Party,
  connection: Connection,
  model: Model,
  instant: number,
): Edit | undefined {
  const words: string[] = [];
  const steps: ((spec: GrantSpec) => GrantSpec)[] = [];
  const step = (text: string, change: (spec: GrantSpec) => GrantSpec): void => {
    words.push(text);
    steps.push(change);
  };
  for (const { respect } of differs) {
    switch (respect) {
      case "who": {
        const who = fromOf(party, model);
        if (!who) return undefined;
        step(`add ${who.text} to \`from.${who.list}\``, (spec) => ({
          ...spec,
          from: { ...spec.from, [who.list]: [...spec.from[who.list], who.name] },
        }));
        break;
      }
      case "port":
        step(`add port ${connection.port} to \`to.ports\``, (spec) => ({
          ...spec,
          to: { ...spec.to, ports: [...(spec.to.ports ?? []), connection.port] },
        }));
        break;
      case "via":
        step("set `via: both`", (spec) => ({ ...spec, via: "both" }));
        break;
      case "notBefore":
        step("remove `when.notBefore`", ({ when: { notBefore: _, ...when } = {}, ...spec }) => ({
          ...spec,
          when,
        }));
        break;
      case "expires": {
        const expires = new Date(instant + 30 * 86_400_000).toISOString();
        step(`set \`when.expires: ${expires}\``, (spec) => ({ ...spec, when: { ...spec.when, expires } }));
        break;
      }
      case "source": {
        const address = connection.sourceIp;
        if (address === undefined) return undefined;
        const cidr = `${address}/${address.includes(":") ? 128 : 32}`;
        step(`add ${cidr} to \`when.sourceCidrs\``, (spec) => ({
          ...spec,
          when: { ...spec.when, sourceCidrs: [...(spec.when?.sourceCidrs ?? []), cidr] },
        }));
        break;
      }
      case "sni": {
        const name = connection.sni;
        if (name === undefined) return undefined;
        step(`add ${name} to \`when.sni\``, (spec) => ({
          ...spec,
          when: { ...spec.when, sni: [...(spec.when?.sni ?? []), name] },
        }));
        break;
      }
    }
  }
  return {
    text: `in Grant/${rule.id}: ${words.join(", ")}`,
    apply: (documents) =>
      documents.map((source): Sourced => {
        if (!isGrant(source, rule.id)) return source;
        const grant: GrantSource = source;
        const spec = steps.reduce((now, change) => change(now), grant.document.spec);
        const document: GrantSource["document"] = { ...grant.document, spec };
        return { document, position: grant.position, locate: (path) => grant.locate(path) };
      }),
  };
}

/** A new grant for exactly this connection. */
export function addGrant(
  action: "allow" | "deny",
  party: Party,
  connection: Connection,
  model: Model,
): Edit | undefined {
  const who = fromOf(party, model);
  if (!who) return undefined;
  const { service, port } = connection;
  const name = `${action}-${who.name.replace(/[^a-z0-9]+/gi, "-")}-${service}`.toLowerCase().slice(0, 63);
  const via = model.services.get(service)?.enforcement === "proxy" ? "" : ` (via: ${connection.via})`;
  const spec: GrantSpec = {
    action,
    from: { workloads: [], groups: [], agents: [], namespaces: [], cidrs: [], [who.list]: [who.name] },
    to: { service, ports: [port] },
    ...(via === "" ? {} : { via: connection.via }),
    audit: "standard",
  };
  const document = {
    apiVersion: "portreeve.dev/v1" as const,
    kind: "Grant" as const,
    metadata: { name },
    spec,
  };
  return {
    text: `add a Grant that ${action === "allow" ? "allows" : "denies"} ${who.text} → ${service}:${port}${via}`,
    apply: (documents) => [...documents, { document, position: undefined, locate: () => undefined }],
  };
}

interface From {
  readonly list: "workloads" | "groups" | "agents" | "cidrs";
  readonly name: string;
  readonly text: string;
}

/** How a grant names the party; people are named through a group that holds them. */
function fromOf(party: Party, model: Model): From | undefined {
  switch (party.kind) {
    case "agent":
      return { list: "agents", name: party.name, text: `agent ${party.name}` };
    case "person": {
      const groups = [...model.groups.values()].filter(({ users, idpGroups, awsRoles }) =>
        party.names.some((name) => [...users, ...idpGroups, ...awsRoles].includes(name)),
      );
      const size = (name: string): number => {
        const group = model.groups.get(name);
        return group ? Object.values(group).flat().length : 0;
      };
      const [smallest] = groups.map(({ name }) => name).sort((a, b) => size(a) - size(b));
      return smallest === undefined
        ? undefined
        : { list: "groups", name: smallest, text: `Group/${smallest}` };
    }
    case "peer": {
      const known = [...model.workloads.values()].find(({ spiffeId }) => spiffeId === party.workload);
      if (known) return { list: "workloads", name: known.id, text: known.id };
      if (party.workload !== undefined || party.address === undefined) return undefined;
      const cidr = `${party.address}/${party.address.includes(":") ? 128 : 32}`;
      return { list: "cidrs", name: cidr, text: cidr };
    }
  }
}

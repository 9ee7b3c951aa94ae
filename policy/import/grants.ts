import { compareText } from "../finding.ts";
import type { PolicyObject } from "../load/index.ts";
import { sortedSet } from "../model/canonical.ts";
import { joinName } from "../model/names.ts";
import { API_VERSION } from "../schema/index.ts";
import type { Regions } from "./regions.ts";
import type { Entry, PortAccess } from "./synthesize.ts";
import type { ImportedDocument } from "./types.ts";

interface GrantInput {
  readonly service: string;
  readonly ports: readonly number[];
  readonly access: ReadonlyMap<number, PortAccess>;
  readonly regions: Regions;
  readonly owner: string | undefined;
  /** A rule of today in words, with its place: `AuthorizationPolicy shop/api rule 0 (mesh.yaml:12)`. */
  readonly describe: (rule: string) => string;
  /** Why those get in whom no rule lets in. */
  readonly openBecause: string;
  /** Names that are given away. */
  readonly taken: Set<string>;
}

/** Entries of a service's ports as grants: those of one rule of today with the same condition and ports are one grant. */
export function grantsOf(input: GrantInput): ImportedDocument[] {
  const flat = [...input.access].flatMap(([port, { entries }]) => entries.map((entry) => ({ port, entry })));
  const alike = Map.groupBy(flat, ({ entry }) =>
    JSON.stringify([entry.action, entry.by, String(entry.mask), entry.subject.kind === "anyone"]),
  );
  return [...alike.values()].flatMap((group) => {
    const bySubject = Map.groupBy(group, ({ entry }) => `${entry.subject.kind} ${entry.subject.name}`);
    const byPorts = Map.groupBy(bySubject.values(), (some) =>
      sortedSet(some.map(({ port }) => port)).join(","),
    );
    return [...byPorts.values()].map((subjects) => {
      const entries = subjects.flatMap((some) => some[0]?.entry ?? []);
      return grant(input, entries, sortedSet(subjects.flatMap((some) => some.map(({ port }) => port))));
    });
  });
}

function grant(input: GrantInput, entries: readonly Entry[], ports: readonly number[]): ImportedDocument {
  const { service, regions, owner } = input;
  const [first] = entries;
  if (first === undefined) throw new RangeError("unreachable: a grant has a subject");
  const names = (kind: Entry["subject"]["kind"]) =>
    entries
      .filter(({ subject }) => subject.kind === kind)
      .map(({ subject }) => subject.name)
      .sort(compareText);
  const [workloads, namespaces] = [names("workload"), names("namespace")];
  const blocks = regions.cidrs(first.mask);
  const anyone = first.subject.kind === "anyone";
  const document: PolicyObject = {
    apiVersion: API_VERSION,
    kind: "Grant",
    metadata: { name: grantName(input, first) },
    spec: {
      ...(first.action === "deny" && { action: "deny" }),
      from: {
        ...(workloads.length > 0 && { workloads }),
        ...(namespaces.length > 0 && { namespaces }),
        ...(anyone && { cidrs: blocks }),
      },
      to: { service, ...(ports.length < input.ports.length && { ports: [...ports] }) },
      ...(!anyone && first.mask !== regions.everywhere && { when: { sourceCidrs: blocks } }),
      ...(owner !== undefined && { owner }),
    },
  };
  const from = first.by.map((rule) => `from ${input.describe(rule)}`);
  if (from.length > 0) return { document, comments: from };
  return {
    document,
    comments: [
      first.action === "deny"
        ? "takes back what a wider grant gives: no rule lets them in today"
        : input.openBecause,
    ],
  };
}

function grantName(input: GrantInput, { action, by }: Entry): string {
  const policy =
    /\/(.+)#/
      .exec(by[0] ?? "")?.[1]
      ?.toLowerCase()
      .replace(/[^a-z0-9]+/g, "-") ?? (action === "deny" ? "" : "open");
  // `api-db` to `db` is `api-db`, not `api-db-db`.
  const named = policy.endsWith(input.service)
    ? [policy]
    : [policy, input.service].filter((part) => part !== "");
  const parts = action === "deny" ? ["deny", ...named] : named;
  let name = joinName(parts);
  for (let i = 2; input.taken.has(name); i++) name = joinName([...parts, String(i)]);
  input.taken.add(name);
  return name;
}

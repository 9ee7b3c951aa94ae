import { type Connection, decide } from "../decide/index.ts";
import type { Model } from "../model/types.ts";
import type { Observed } from "./observed.ts";

/** A connection that the changed policies decide otherwise than they must. */
export interface Breach {
  readonly connection: Connection;
  /** `lost`: it was allowed, and was used; `gained`: it was not allowed, and now would be. */
  readonly type: "lost" | "gained";
  /** Grants that the verdict rests on where it allows. */
  readonly rules: readonly string[];
}

/**
 * Holds changed policies against the present ones by `decide`: every observed connection that the present ones allow is still
 * allowed, and no principal that was observed reaches a port of any service that it did not reach before.
 *
 * @param wanted - connections that may be gained: denied attempts that are to be granted
 */
export function checkNarrowed(
  before: Model,
  after: Model,
  observed: readonly Observed[],
  wanted: ReadonlySet<Connection> = new Set(),
): Breach[] {
  const breaches: Breach[] = [];
  const allows = (model: Model, connection: Connection, at: number): readonly string[] | undefined => {
    const verdict = decide(model.table, connection, at);
    return verdict.verdict === "allow" ? verdict.rules : undefined;
  };
  for (const { connection, verdict, last } of observed) {
    const rules = allows(before, connection, last);
    const now = allows(after, connection, last);
    if (verdict === "allow" && rules && !now) breaches.push({ connection, type: "lost", rules });
    if (!rules && now && !wanted.has(connection)) breaches.push({ connection, type: "gained", rules: now });
    if (wanted.has(connection) && !now) breaches.push({ connection, type: "lost", rules: [] });
  }
  // Addresses and server names count only where a rule asks for them.
  const rules = [...before.rules, ...after.rules];
  const byAddress = rules.some(
    ({ subjects, when }) => subjects.cidrs.length > 0 || when.sourceCidrs !== undefined,
  );
  const byName = rules.some(({ when }) => when.sni !== undefined);
  const principals = new Map(
    observed.map((one) => {
      const { principal, sourceIp, sni } = one.connection;
      return [JSON.stringify([principal, byAddress && sourceIp, byName && sni]), one];
    }),
  );
  const asked = new Set([...wanted].map((one) => keyOf(one)));
  for (const service of after.services.values()) {
    for (const { port } of service.ports) {
      for (const { connection, last } of principals.values()) {
        const other: Connection = { ...connection, service: service.name, port };
        const now = allows(after, other, last);
        if (now && !allows(before, other, last) && !asked.has(keyOf(other))) {
          breaches.push({ connection: other, type: "gained", rules: now });
        }
      }
    }
  }
  return breaches;
}

/** Who reaches what; a grant that is made for one connection holds from every address. */
function keyOf({ service, port, principal }: Connection): string {
  return JSON.stringify([service, port, principal]);
}

import type { Position } from "../../finding.ts";
import { accessTable } from "../../model/access.ts";
import { acceptsPlaintext } from "../../model/resolve.ts";
import type { AccessRow, Model } from "../../model/types.ts";
import { type AccessRule, accessRule } from "./rule.ts";

/** One side of a comparison: an access table, and the policies it came from where they are known. */
export interface AccessSide {
  /** Who may reach what. */
  readonly rows: readonly AccessRow[];
  /** Undefined for a recorded table: then services, agents and trust are not compared. */
  readonly model: Model | undefined;
}

/** The side that a model makes. */
export function sideOfModel(model: Model): AccessSide {
  return { rows: accessTable(model), model };
}

/** A side indexed: by service, then port. */
export class IndexedSide {
  readonly side: AccessSide;
  readonly #byService: ReadonlyMap<string, readonly AccessRow[]>;

  constructor(side: AccessSide) {
    this.side = side;
    this.#byService = Map.groupBy(side.rows, ({ service }) => service);
  }

  get services(): Iterable<string> {
    return this.#byService.keys();
  }

  /** The same text for services with the same rules, whatever their grants are called. */
  signature(service: string): string {
    const lines = this.rows(service).map(
      (row) =>
        `${row.port} ${row.action} ${row.fromKind} ${row.from} ${row.via} ${row.conditions.join("; ")}`,
    );
    return `${this.acceptsPlaintext(service)} ${lines.join("\n")}`;
  }

  rows(service: string): readonly AccessRow[] {
    return this.#byService.get(service) ?? [];
  }

  rules(service: string): ReadonlyMap<number, readonly AccessRule[]> {
    return Map.groupBy(this.rows(service).map(accessRule), ({ row }) => row.port);
  }

  acceptsPlaintext(service: string): boolean {
    const known = this.side.model?.services.get(service);
    return known !== undefined && acceptsPlaintext(known);
  }

  /** For whom an agent acts: a part of what its access is. */
  agentTerms(name: string): string {
    const agent = this.side.model?.agents.get(name);
    if (agent === undefined) return "";
    const { users, idpGroups } = agent.decision.onBehalfOf;
    return `on behalf of ${[...users, ...idpGroups].join(", ") || "nobody"}`;
  }

  owner(service: string): string | undefined {
    return this.side.model?.services.get(service)?.spec.owner;
  }

  labels(service: string): Readonly<Record<string, string>> {
    return this.side.model?.services.get(service)?.labels ?? {};
  }

  position(service: string): Position | undefined {
    return this.side.model?.services.get(service)?.position;
  }
}

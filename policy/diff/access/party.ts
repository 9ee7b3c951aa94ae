import type { FromKind } from "../change.ts";
import type { Cell } from "./grid.ts";
import { type AccessRule, namespaceName } from "./rule.ts";
import type { IndexedSide } from "./side.ts";
import type { Voices } from "./verdict.ts";

/** Somebody whose access is compared: a name, or `ANYONE` for whoever comes from an address. */
export interface Party {
  readonly kind: FromKind;
  readonly name: string;
}

/** Whoever comes from an address, and proves an identity that no rule names. */
export const ANYONE: Party = { kind: "cidr", name: "anyone" };
/** Whoever comes from an address to a service of the mesh that lets in clients without a certificate. */
export const PLAINTEXT: Party = { kind: "plaintext", name: "a client without a certificate" };

/** The rules of one side at one port of one service, found by whom they name. */
export class PortRules {
  readonly #side: IndexedSide;
  readonly #service: string;
  readonly #byKey: ReadonlyMap<string | undefined, readonly AccessRule[]>;

  constructor(side: IndexedSide, service: string, rules: readonly AccessRule[]) {
    this.#side = side;
    this.#service = service;
    this.#byKey = Map.groupBy(rules, ({ key }) => key);
  }

  /** Everybody whom a rule names. */
  parties(): Party[] {
    return [...this.#byKey.values()].map(([rule]) =>
      rule?.key === undefined ? ANYONE : { kind: rule.row.fromKind, name: rule.key },
    );
  }

  /** What this side says of a party; `namespace` and `addresses` narrow it to what is said of a workload's surroundings. */
  voices(party: Party, only: "all" | "namespace" | "addresses" = "all"): Voices {
    const own = only === "all" ? this.#of(party.name) : [];
    const namespace =
      party.kind === "workload" && only !== "addresses" ? namespaceName(party.name) : undefined;
    const isPeer = ["workload", "namespace", "cidr", "plaintext"].includes(party.kind);
    const agent = party.kind === "agent" ? party.name.slice("agent:".length) : undefined;
    return {
      named: [...own, ...(namespace === undefined ? [] : this.#of(namespace))],
      byAddress: this.#of(undefined),
      isPeer,
      admitted: this.#admitted(party),
      terms: agent === undefined ? "" : this.#side.agentTerms(agent),
    };
  }

  #of(key: string | undefined): readonly AccessRule[] {
    return this.#byKey.get(key) ?? [];
  }

  #admitted({ kind }: Party): (cell: Cell) => boolean {
    if (kind !== "plaintext") return () => true;
    const accepts = this.#side.acceptsPlaintext(this.#service);
    return ({ via }) => via === "mesh" && accepts;
  }
}

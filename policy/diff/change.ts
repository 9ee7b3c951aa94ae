import type { Position } from "../finding.ts";
import { compareText } from "../finding.ts";

/** A policy object, and what happened to it between the two sides. */
export interface Cause {
  /** `Grant/api-db`, `NetworkPolicy/shop/db`. */
  readonly object: string;
  /** What happened to it. */
  readonly what: "added" | "removed" | "changed";
  /** Where it is written: on the side that has it, HEAD before BASE. */
  readonly position: Position | undefined;
}

/** Why a reviewer should look at a change; see `risk.ts` for their order. */
export type Risk =
  | "internet-facing"
  | "new agent access"
  | "new human access"
  | "deny removed"
  | "wider addresses"
  | "production"
  | "destination"
  | "trust";

/** Who, as a kind. `anyone` has an address only; `client without a certificate` is plaintext in the mesh. */
export type FromKind =
  | "workload"
  | "namespace"
  | "cidr"
  | "plaintext"
  | "user"
  | "idpGroup"
  | "awsRole"
  | "agent"
  | "external"
  | "everyone";

/** One difference in access between two policy sets, or two folders of Kubernetes and Istio objects. */
export interface AccessChange {
  /** `gained`: nothing of it was open before. `lost`: nothing of it is open any more. `changed`: open before and after, differently. */
  readonly change: "gained" | "lost" | "changed";
  /** `shop/api`, `okta:dba`, `agent:triage`, `namespace:batch`, `10.0.0.0/8`, `external:LOW-HIGH`. */
  readonly from: string;
  /** What `from` names. */
  readonly fromKind: FromKind;
  /** Service, or workload `namespace/name`; with one row a pair, with its port after a colon. */
  readonly to: string;
  /** The ports concerned, like `5432,6000-6010` or `TCP 80`. */
  readonly ports: string;
  /** The enforcement points that it goes through: `sidecar`, `ztunnel`, `egress gateway`, `proxy`; empty for Kubernetes and Istio objects. */
  readonly via: readonly string[];
  /** What was open before, each entry one way in with its conditions; empty when nothing. */
  readonly before: readonly string[];
  /** What is open after. */
  readonly after: readonly string[];
  /** Whether something is open after that was not before. */
  readonly widens: boolean;
  /** The objects that cause it; where several would each do, all of them. */
  readonly because: readonly Cause[];
  /** The objects that carry it, in words. */
  readonly targets: readonly string[];
  /** Owner of the service. */
  readonly owner: string | undefined;
  /** In the order of their weight. */
  readonly risks: readonly Risk[];
}

/** What two sides come to. */
export interface AccessDiff {
  /** The most important first. */
  readonly changes: readonly AccessChange[];
  /** Objects that differ, whether or not access does. */
  readonly objects: readonly Cause[];
  /** What a reader should know besides: waivers, renames, and what was not compared. */
  readonly notes: readonly string[];
}

/** `file:line:col Kind/name what`. */
export function formatCause({ object, what, position }: Cause): string {
  const where = position ? `${position.file}:${position.line}:${position.col} ` : "";
  return `${where}${object} ${what}`;
}

/** Sorted and without repetitions. */
export function distinctCauses(causes: Iterable<Cause>): Cause[] {
  const byText = new Map<string, Cause>();
  for (const cause of causes) byText.set(formatCause(cause), cause);
  return [...byText].sort(([a], [b]) => compareText(a, b)).map(([, cause]) => cause);
}

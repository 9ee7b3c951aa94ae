import type { Connection } from "../decide/connection.ts";
import { decide } from "../decide/decide.ts";
import type { Verdict } from "../decide/verdict.ts";
import { PolicyError } from "../finding.ts";
import type { Sourced } from "../load/source.ts";
import { connectionOf, type Question } from "../model/query.ts";
import { resolve } from "../model/resolve.ts";
import type { Grant, Model } from "../model/types.ts";
import { addGrant, type Edit, mendGrant, removeGrant } from "./edit.ts";
import { type Miss, miss, missingParty, nearestMiss, type Party } from "./nearest.ts";

/** Why a connection is allowed or not, and what would change that. */
export interface Explanation {
  /** The connection as it was judged, with the defaults of the question filled in. */
  readonly connection: Connection;
  /** What `decide` says of it. */
  readonly verdict: Verdict;
  /** Where the verdict falls, in words: `sidecar`, `ztunnel`, `egress gateway`, `proxy`. */
  readonly point: string;
  /** The grants that the verdict rests on. */
  readonly grants: readonly Grant[];
  /** Where nothing matched: the allow that almost did. Where it is allowed: the deny that almost stands against it. */
  readonly nearest: Miss | undefined;
  /**
   * The smallest change found that turns the verdict, in words, each step of it; empty when none was found. It was
   * applied to the policies, they are still valid, and `decide` then said otherwise.
   */
  readonly flip: readonly string[];
}

/** A chain has at most three parties, each of which may need a change, and a deny may stand before them. */
const MAX_STEPS = 4;

/**
 * Explains the verdict on one connection.
 *
 * @param documents - the policies of the model, which changes are tried on
 * @param instant - epoch milliseconds
 * @throws PolicyError when the question names what the policies do not know (PR115)
 */
export function explain(
  model: Model,
  documents: readonly Sourced[],
  question: Question,
  instant: number,
): Explanation {
  return explainConnection(model, documents, connectionOf(model, question), instant);
}

/** As {@link explain}, of a connection whose parts are known, as a record has them. */
export function explainConnection(
  model: Model,
  documents: readonly Sourced[],
  connection: Connection,
  instant: number,
): Explanation {
  const verdict = decide(model.table, connection, instant);
  const party = missingParty(connection, verdict.reason);
  const allowed = verdict.verdict === "allow";
  const nearest =
    allowed || verdict.reason.startsWith("no-grant-for-")
      ? nearestMiss(model, allowed ? "deny" : "allow", party, connection, instant)
      : undefined;
  return {
    connection,
    verdict,
    point: pointOf(model, connection),
    grants: [...new Set(verdict.rules)].flatMap((name) => model.grants.get(name) ?? []),
    nearest,
    flip: flip(model, documents, connection, instant),
  };
}

function pointOf(model: Model, { service, via }: Connection): string {
  if (via === "proxy") return "proxy";
  if (model.services.get(service)?.enforcement === "gateway") return "egress gateway";
  const planes = new Set(
    model.trust.spec.clusters.map(({ dataPlane }) => (dataPlane === "ambient" ? "ztunnel" : "sidecar")),
  );
  return [...planes].join(" or ");
}

/** Tries changes, the smallest first, until the verdict is another; each is applied to what the last one left. */
function flip(
  model: Model,
  documents: readonly Sourced[],
  connection: Connection,
  instant: number,
): string[] {
  const wanted = decide(model.table, connection, instant).verdict === "allow" ? "deny" : "allow";
  const steps: string[] = [];
  let now = { model, documents };
  for (let count = 0; count < MAX_STEPS; count++) {
    const before = decide(now.model.table, connection, instant);
    const tried = candidates(now.model, connection, before, instant).flatMap((edit) =>
      attempt(edit, now.documents),
    );
    const after = tried.map((next) => ({ ...next, verdict: decide(next.model.table, connection, instant) }));
    const best =
      after.find(({ verdict }) => verdict.verdict === wanted) ??
      after.find(({ verdict }) => verdict.reason !== before.reason || verdict.rule !== before.rule);
    if (!best) return [];
    steps.push(best.text);
    if (best.verdict.verdict === wanted) return steps;
    now = best;
  }
  return [];
}

/** The policies with the change; nothing when they would not be valid. */
function attempt(
  edit: Edit,
  documents: readonly Sourced[],
): { model: Model; documents: readonly Sourced[]; text: string }[] {
  const changed = edit.apply(documents);
  try {
    return [{ model: resolve(changed), documents: changed, text: edit.text }];
  } catch (error) {
    if (error instanceof PolicyError) return [];
    throw error;
  }
}

function candidates(model: Model, connection: Connection, verdict: Verdict, instant: number): Edit[] {
  const party = missingParty(connection, verdict.reason);
  if (verdict.verdict === "allow") {
    const innermost = innermostParty(connection);
    const deny = present(addGrant("deny", innermost, connection, model));
    const remove = verdict.rules.map(removeGrant);
    // To take a grant from several to stop one of them would be the larger change.
    return verdict.rules.every((name) => isForMany(model, name))
      ? [...deny, ...remove]
      : [...remove, ...deny];
  }
  switch (verdict.reason) {
    case "denied-by-rule":
      return verdict.rules.map(removeGrant);
    case "no-grant-for-workload":
    case "no-grant-for-person":
    case "no-grant-for-agent": {
      const near = model.rules
        .filter(
          ({ service, action, source }) =>
            service === connection.service && action === "allow" && source === "grant",
        )
        .map((rule) => miss(rule, party, connection, instant))
        .filter(({ differs }) => !differs.some(({ respect }) => respect === "who"))
        .sort((a, b) => a.differs.length - b.differs.length)
        .slice(0, 3);
      return [
        ...near.flatMap((each) => present(mendGrant(each, party, connection, model, instant))),
        // To let somebody else into a grant changes one line as well, but mixes whom it is for: a grant of one's own is clearer.
        ...present(addGrant("allow", party, connection, model)),
      ];
    }
    case "allowed":
    case "agent-not-valid":
    case "plaintext":
    case "unknown-service":
    case "unknown-port":
      return [];
  }
}

function isForMany(model: Model, grant: string): boolean {
  const named = model.rules
    .filter(({ id }) => id === grant)
    .flatMap(({ subjects }) => Object.values(subjects).flat());
  const namespaces = model.grants.get(grant)?.spec.from.namespaces ?? [];
  return named.length > 1 || namespaces.length > 0;
}

function innermostParty(connection: Connection): Party {
  const { agent, person } = connection.principal;
  if (agent !== undefined) return missingParty(connection, "no-grant-for-agent");
  return missingParty(connection, person ? "no-grant-for-person" : "no-grant-for-workload");
}

const present = <T>(item: T | undefined): T[] => (item === undefined ? [] : [item]);

import type { Arrival, Hop, Leg, Outcome } from "./types.ts";

const WORST_FIRST: readonly Outcome[] = ["fails", "deny", "not judged", "allow"];

/** The worst of all that may happen: with several destinations, a connection may take any of them. */
export function worstOf(outcomes: readonly Outcome[]): Outcome {
  return WORST_FIRST.find((outcome) => outcomes.includes(outcome)) ?? "fails";
}

export function outcomeOf({ legs, notJudged }: Hop): Outcome {
  if (notJudged !== undefined) return "not judged";
  return worstOf(legs.flatMap(legOutcomes));
}

function legOutcomes({ broken, arrivals, next }: Leg): Outcome[] {
  if (broken !== undefined) return ["fails"];
  return [...arrivals.map(({ outcome }) => outcome), ...(next === undefined ? [] : [outcomeOf(next)])];
}

/** Every arrival of a hop, those behind gateways too. */
export function arrivalsOf({ legs }: Hop): readonly Arrival[] {
  return legs.flatMap(({ arrivals, next }) => [...arrivals, ...(next === undefined ? [] : arrivalsOf(next))]);
}

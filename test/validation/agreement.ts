// Runs our validation beside the real one, and counts what was seen.
import fc from "fast-check";
import { formatPath, validateObject } from "../../policy/istio/validation/index.ts";
import type { RealValidator } from "./validator.ts";

export const SEED = Number(process.env.VALIDATION_SEED ?? 20261121);
export const RUNS = Number(process.env.VALIDATION_RUNS ?? 150);

/** How often each verdict was given. */
export interface Seen {
  valid: number;
  warning: number;
  invalid: number;
}

/**
 * Asks both about every drawn object and fails, with the smallest object found, when the verdicts differ.
 * The seed is part of the failure's message.
 */
export async function agree(real: RealValidator, objects: fc.Arbitrary<unknown>, runs = RUNS): Promise<Seen> {
  const seen: Seen = { valid: 0, warning: 0, invalid: 0 };
  const property = fc.asyncProperty(objects, async (object) => {
    const ours = validateObject(object);
    const theirs = await real.ask(object);
    seen[theirs.verdict] += 1;
    if (ours.verdict === theirs.verdict) return;
    const reasons = ours.reasons.map(({ path, message }) => `${formatPath(path)}: ${message}`);
    throw new Error(
      `ours ${ours.verdict} (${reasons.join("; ")}), real ${theirs.verdict} (${theirs.reasons.join("; ")})`,
    );
  });
  await fc.assert(property, { numRuns: runs, seed: SEED });
  return seen;
}

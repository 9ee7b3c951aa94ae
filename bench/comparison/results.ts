import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const cell = z.object({
  /** What the tool said of the change, as it said it but for places. */
  says: z.array(z.string()),
  /** CPU time of its commands for both sides. */
  milliseconds: z.number(),
});

const results = z.object({
  date: z.string(),
  machine: z.string(),
  tools: z.array(z.object({ name: z.string(), version: z.string(), commands: z.array(z.string()) })),
  /** By change, then by tool. */
  cells: z.record(z.string(), z.record(z.string(), cell)),
});

export type Cell = z.infer<typeof cell>;
/** One run of all tools over all change sets. */
export type Results = z.infer<typeof results>;

export const resultsFile = join(import.meta.dirname, "results.json");

export function readResults(): Results {
  return results.parse(JSON.parse(readFileSync(resultsFile, "utf8")));
}

/** What `npm run soak` prints. */
import { growthOf, megabytes, part, type Sample } from "./growth.ts";
import type { Held } from "./held.ts";

export function line({ connections, memory, descriptors, left }: Sample, held?: Held): string {
  const rest = Object.entries(left).map(([what, count]) => `${count} ${what}`);
  const parts = [`${connections} connections: ${megabytes(memory)}`, `${descriptors} descriptors`, ...rest];
  return held ? `${parts.join(", ")}; held: ${heldLine(held)}` : parts.join(", ");
}

function heldLine({ objects, heap, native, memory }: Held): string {
  const count = Object.values(objects).reduce((sum, one) => sum + one, 0);
  return `${megabytes(memory)}, heap ${(heap / 1e6).toFixed(2)} MB and ${megabytes(native)} outside, ${count} objects`;
}

/** By tenths of the connections: the lowest memory, with garbage and after collections, and the lowest counts. */
export function summary(samples: readonly Sample[]): string {
  const all = samples.at(-1)?.connections ?? 0;
  const tenths = Array.from({ length: 10 }, (_, tenth) =>
    samples.filter((sample) => part(sample, 10, all) === tenth),
  );
  const held = tenths.map((tenth) => tenth.flatMap(({ held }) => held ?? []));
  const row = (what: string, of: (tenth: number) => readonly number[], digits: number) =>
    `${what}: ${tenths.map((_, tenth) => lowest(of(tenth), digits)).join(" ")}`;
  const { bytes, connections } = growthOf(samples);
  return [
    "lowest of each tenth of the run:",
    row("  memory, MB", (tenth) => (tenths[tenth] ?? []).map(({ memory }) => memory / 1e6), 1),
    row("  held after a collection, MB", (tenth) => (held[tenth] ?? []).map(({ memory }) => memory / 1e6), 1),
    row("  of it heap, MB", (tenth) => (held[tenth] ?? []).map(({ heap }) => heap / 1e6), 2),
    row("  outside of it, MB", (tenth) => (held[tenth] ?? []).map(({ native }) => native / 1e6), 2),
    ...["Object", "Function", "Map", "string"].map((type) =>
      row(`  ${type}`, (tenth) => (held[tenth] ?? []).map(({ objects }) => objects[type] ?? 0), 0),
    ),
    row("  descriptors", (tenth) => (tenths[tenth] ?? []).map(({ descriptors }) => descriptors), 0),
    `memory with garbage, by the straight line through these: ${megabytes(bytes)} over the last ${connections} connections`,
  ].join("\n");
}

function lowest(numbers: readonly number[], digits: number): string {
  return numbers.length === 0 ? "-" : Math.min(...numbers).toFixed(digits);
}

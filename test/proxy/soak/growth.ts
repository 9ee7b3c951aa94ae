/** What a long run is judged by: samples taken whenever nothing is connected, and what is held after collections. */
import type { Held } from "./held.ts";

export interface Sample {
  /** Connections made so far. */
  readonly connections: number;
  /** Resident memory, bytes, garbage included. */
  readonly memory: number;
  readonly descriptors: number;
  /** Live connections and handshakes, moments waited for, records lost: all of them must be 0. */
  readonly left: Readonly<Record<string, number>>;
  /** Once in a while, after a collection of garbage. */
  readonly held?: Held;
}

/** What memory does in the last two thirds of a run; the first fills caches and compiles. */
export interface Growth {
  /** By the straight line that fits best. */
  readonly bytes: number;
  /** Made meanwhile. */
  readonly connections: number;
  /** Bytes up to which a run is passed. */
  readonly allowed: number;
}

/** Parts of a run. The lowest memory of each counts: what is above it is garbage. */
const WINDOWS = 10;

/**
 * Bytes for each connection that are still no growth, garbage included. The smallest thing that could be forgotten for each
 * connection, an entry in a Map, is about 32 bytes; a forgotten connection is some kilobytes.
 */
export const BYTES_PER_CONNECTION = 16;

/** What one collection of garbage more or less makes, bytes. Smaller things show in what is held after a collection. */
export const NOISE = 32_000_000;

/**
 * What may be held more in the last third than in the middle one. A run of which nothing is forgotten differs by 3 objects
 * of a type, 50 strings, 0.1 MB of heap, and while code is still being compiled by 2 MB outside of it.
 */
export const HELD_BOUNDS = {
  /** Objects of one type. One for each reload of a full run would be more. */
  objects: 32,
  /** Names of compiled code are among them, which come and go with it. */
  strings: 250,
  /** Bytes of objects: also numbers in an array, which are no objects. */
  heap: 500_000,
  /** Bytes outside of the heap. */
  native: 4_000_000,
  /** Resident bytes: what is allocated in larger pieces, and pages of which little is used. */
  memory: 12_000_000,
} as const;

/** The engine's own: shapes and compiled code, of which there is more the longer it watches a program. */
const CODE =
  /Code|Executable|Structure|SymbolTable|PropertyTable|PropertyNameEnumerator|RareData|Butterfly|RegExp|Sentinel|InferredValue/;

/**
 * What is resident while garbage comes and goes: the straight line through the lowest points of the windows.
 *
 * @throws with fewer than two samples after the first third
 */
export function growthOf(samples: readonly Sample[]): Growth {
  const all = samples.at(-1)?.connections ?? 0;
  const lowest = [...Map.groupBy(late(samples), (sample) => part(sample, WINDOWS, all)).values()].flatMap(
    (window) => window.toSorted((a, b) => a.memory - b.memory).slice(0, 1),
  );
  const connections = Math.round((2 * all) / 3);
  const slope = slopeOf(lowest.map(({ connections, memory }) => [connections, memory]));
  return {
    bytes: slope * connections,
    connections,
    allowed: Math.max(NOISE, BYTES_PER_CONNECTION * connections),
  };
}

/** What is wrong; empty when the run is passed. */
export function faultsOf(samples: readonly Sample[]): string[] {
  const faults: string[] = [];
  const { bytes, connections, allowed } = growthOf(samples);
  if (bytes > allowed) {
    faults.push(
      `memory grew by ${megabytes(bytes)} over ${connections} connections; at most ${megabytes(allowed)}`,
    );
  }
  faults.push(...heldFaults(samples));
  const [, middle = [], last = []] = thirds(samples);
  const before = median(middle.map(({ descriptors }) => descriptors));
  const after = median(last.map(({ descriptors }) => descriptors));
  if (after > before) faults.push(`${after} descriptors are open, ${before} before`);
  for (const [what, count] of Object.entries(samples.at(-1)?.left ?? {})) {
    if (count !== 0) faults.push(`${what}: ${count} left, and nothing is connected`);
  }
  return faults;
}

/** What is held more in the last third than in the middle one. Both times the lowest, of each type for itself. */
function heldFaults(samples: readonly Sample[]): string[] {
  const [, middle = [], last = []] = thirds(samples).map((third) => third.flatMap(({ held }) => held ?? []));
  if (middle.length === 0 || last.length === 0)
    return ["what is held was not asked often enough to be judged"];
  const grew = (of: (held: Held) => number) => Math.min(...last.map(of)) - Math.min(...middle.map(of));
  const faults: string[] = [];
  const tell = (what: string, more: number, bound: number, text = String(more)) => {
    if (more > bound) faults.push(`${what}: ${text} more after garbage was collected`);
  };
  for (const type of new Set(last.flatMap(({ objects }) => Object.keys(objects)))) {
    if (CODE.test(type)) continue;
    const bound = type === "string" ? HELD_BOUNDS.strings : HELD_BOUNDS.objects;
    tell(
      `objects of the type ${type}`,
      grew(({ objects }) => objects[type] ?? 0),
      bound,
    );
  }
  const heap = grew(({ heap }) => heap);
  tell("heap", heap, HELD_BOUNDS.heap, megabytes(heap));
  const native = grew(({ native }) => native);
  tell("outside of the heap", native, HELD_BOUNDS.native, megabytes(native));
  const memory = grew(({ memory }) => memory);
  tell("resident memory", memory, HELD_BOUNDS.memory, megabytes(memory));
  return faults;
}

/**
 * Of the straight line that fits best, by least squares.
 *
 * @throws with fewer than two different places
 */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([x]) => x), mean(([, y]) => y)];
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  if (!(spread > 0)) throw new Error("too few samples: make more connections, or shorter batches");
  return points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread;
}

/** The lowest would be that of the moment in which a file is rotated, or a question's own connection is closed. */
function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Into which of so many equal parts of all connections a sample falls, from 0. */
export function part({ connections }: Sample, parts: number, all: number): number {
  return Math.min(parts - 1, Math.floor((parts * connections) / all));
}

/** By connections, not by samples. */
function thirds(samples: readonly Sample[]): readonly (readonly Sample[])[] {
  const all = samples.at(-1)?.connections ?? 0;
  return [0, 1, 2].map((third) => samples.filter((sample) => part(sample, 3, all) === third));
}

function late(samples: readonly Sample[]): readonly Sample[] {
  return thirds(samples).slice(1).flat();
}

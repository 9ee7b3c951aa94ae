/** What a long run is judged by: samples taken whenever nothing is connected. */
export interface Sample {
  /** Connections made so far. */
  readonly connections: number;
  /** Resident memory, bytes. */
  readonly memory: number;
  readonly descriptors: number;
  /** Live connections and handshakes, moments waited for, records lost: all of them must be 0. */
  readonly left: Readonly<Record<string, number>>;
}

/** What memory did between the middle and the last third of a run. */
export interface Growth {
  readonly bytes: number;
  /** A third of all: what lies between the two. */
  readonly connections: number;
  /** Bytes up to which a run is passed. */
  readonly allowed: number;
}

/**
 * Bytes for each connection that are still no growth. The smallest thing that could be forgotten for each connection, an
 * entry in a Map, is about 32 bytes; a forgotten connection is some kilobytes.
 */
export const BYTES_PER_CONNECTION = 16;

/**
 * What one collection of garbage more or less makes. So two million connections show a leak of 48 bytes for each connection,
 * and a hundred thousand only one of a kilobyte.
 */
export const NOISE = 32_000_000;

/**
 * Compares the lowest memory of the middle third with that of the last one: between two collections of garbage memory rises
 * and falls by tens of megabytes, and its lowest points are what is really held. The first third fills caches.
 *
 * @throws with fewer than three samples
 */
export function growthOf(samples: readonly Sample[]): Growth {
  const [, middle = [], last = []] = thirds(samples);
  const low = lowest(middle, ({ memory }) => memory);
  const high = lowest(last, ({ memory }) => memory);
  // From the middle of one third to the middle of the next: the two lowest points may lie side by side.
  const connections = Math.round((samples.at(-1)?.connections ?? 0) / 3);
  return {
    bytes: high.memory - low.memory,
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
  const [, middle = [], last = []] = thirds(samples);
  const before = lowest(middle, ({ descriptors }) => descriptors).descriptors;
  const after = lowest(last, ({ descriptors }) => descriptors).descriptors;
  if (after > before) faults.push(`at least ${after} descriptors are open, ${before} before`);
  for (const [what, count] of Object.entries(samples.at(-1)?.left ?? {})) {
    if (count !== 0) faults.push(`${what}: ${count} left, and nothing is connected`);
  }
  return faults;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** By connections, not by samples. */
function thirds(samples: readonly Sample[]): readonly (readonly Sample[])[] {
  const all = samples.at(-1)?.connections ?? 0;
  return [0, 1, 2].map((third) =>
    samples.filter(({ connections }) => Math.min(2, Math.floor((3 * connections) / all)) === third),
  );
}

function lowest(samples: readonly Sample[], by: (sample: Sample) => number): Sample {
  const [first, ...rest] = samples;
  if (!first) throw new Error("a third of the run has no sample: make more connections, or shorter batches");
  return rest.reduce((low, sample) => (by(sample) < by(low) ? sample : low), first);
}

import { readFileSync } from "node:fs";

/** For ports, files, sinks, DNS, probes, and sockets on their way out. */
const RESERVED = 64;

/**
 * How many file descriptors this process may have open. Bun has raised the soft limit to the hard one before the first
 * line of a program runs, so this is the hard limit. Undefined where it cannot be known (no `/proc`).
 */
export function descriptorLimit(): number | undefined {
  try {
    const match = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    if (!match) return undefined;
    return match[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(match[1]);
  } catch {
    return undefined;
  }
}

/** Of the reserved ones, those for sockets on their way out; more of them, where the limit allows it, are reserved besides. */
const RESERVED_LINGERING = 32;

/** Connections for which so many descriptors are enough: two each, the client's and the endpoint's. */
export function connectionsWithin(descriptors: number): number {
  const reserved = RESERVED + Math.max(0, mostLingering(descriptors) - RESERVED_LINGERING);
  return Math.max(0, Math.floor((descriptors - reserved) / 2));
}

/** How many sockets may wait for their peer's end after their own. They belong to no connection, so no other bound counts them. */
export function mostLingering(descriptors: number): number {
  return Math.min(512, Math.floor(descriptors / 32));
}

/** Not one connection could be served. */
export class DescriptorError extends Error {
  readonly code = "PROXY_DESCRIPTORS";

  constructor(limit: number) {
    super(`a limit of ${limit} file descriptors leaves none for connections; raise it (ulimit -Hn)`);
  }
}

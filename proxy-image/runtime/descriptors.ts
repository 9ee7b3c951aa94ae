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

/** Connections for which so many descriptors are enough: two each, the client's and the endpoint's. */
export function connectionsWithin(descriptors: number): number {
  return Math.max(0, Math.floor((descriptors - RESERVED) / 2));
}

/** Not one connection could be served. */
export class DescriptorError extends Error {
  readonly code = "PROXY_DESCRIPTORS";

  constructor(limit: number) {
    super(`a limit of ${limit} file descriptors leaves none for connections; raise it (ulimit -Hn)`);
  }
}

import type { Position } from "../finding.ts";
import type { Callers } from "./callers.ts";
import type { Destination } from "./destinations.ts";
import type { ExternalDestination } from "./external.ts";
import type { Estate } from "./read.ts";
import type { Regions } from "./regions.ts";
import type { Today } from "./today.ts";
import type { ImportedDocument, ImportOptions, Mesh, NoEqual } from "./types.ts";

/** What importing one service needs. */
export interface Job {
  readonly estate: Estate;
  readonly mesh: Mesh;
  readonly callers: Callers;
  readonly regions: Regions;
  readonly today: Today;
  readonly options: ImportOptions;
  readonly describe: (rule: string) => string;
  readonly noEqual: NoEqual[];
  readonly grantNames: Set<string>;
}

/** A service as documents. */
export interface Imported {
  readonly name: string;
  readonly service: ImportedDocument;
  readonly grants: readonly ImportedDocument[];
  /** What was imported of it: one of the two. */
  readonly destination?: Destination;
  readonly external?: ExternalDestination;
  /** It accepts clients without a certificate. */
  readonly plaintext: boolean;
}

/** Says that a service lets everybody in today, and what becomes of that. */
export function noteOpen(
  job: Job,
  subject: string,
  ports: readonly number[],
  whole: boolean,
  position: Position,
): void {
  const { openAs } = job.options;
  const done: Readonly<Record<typeof openAs, string>> = {
    namespaces:
      "grants are written for every namespace that is known; a namespace to come needs one of its own",
    anyone: "a grant for every address is written",
    list: whole
      ? "it is left out and stays as it is; grants are not written"
      : "grants are written for every known namespace, because its other ports are not open",
  };
  job.noEqual.push({
    subject,
    message: `today anybody in the mesh reaches port ${ports.join(", ")}: ${done[openAs]}`,
    position,
  });
}

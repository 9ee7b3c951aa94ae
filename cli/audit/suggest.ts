import { stringify } from "yaml";
import {
  checkNarrowed,
  type Kept,
  type Narrowing,
  narrowGrants,
  type Observations,
  type Observed,
} from "../../policy/audit/index.ts";
import { suggestGrants } from "../../policy/audit/suggest-grants.ts";
import type { Connection } from "../../policy/decide/index.ts";
import type { PolicyFile } from "../../policy/load/files.ts";
import { loadPolicySet } from "../../policy/load/index.ts";
import type { Model } from "../../policy/model/types.ts";
import { CliError } from "../exit.ts";
import { editGrants } from "./edit-grant.ts";
import type { Change } from "./patch.ts";

export interface SuggestOptions {
  /** Also grants for what was denied. */
  readonly includeDenied: boolean;
  /** Grants that nobody used stay. */
  readonly keepUnused: boolean;
  /** Where new grants are written. */
  readonly newFile: string;
  /** Whether there is such a file already: nothing is written in its place. @default none of the policies' is */
  readonly isThere?: (file: string) => boolean;
}

export interface Suggestion {
  readonly changes: readonly Change[];
  readonly narrowings: readonly Narrowing[];
  /** Names of grants that are new. */
  readonly added: readonly string[];
  readonly kept: readonly Kept[];
  /** Observed connections that are decided as before with the changed policies. */
  readonly checked: number;
}

/**
 * The narrowest grants that would have allowed what was observed, as changes of the files. What is returned was checked: the
 * changed files are valid, `decide` allows every observed connection that it allowed, and nothing that it did not.
 *
 * @throws PolicyError when the present policies are not valid, CliError when the file for new grants is there
 */
export function suggest(
  files: readonly PolicyFile[],
  observations: Observations,
  options: SuggestOptions,
): Suggestion {
  const { model } = loadPolicySet({ texts: files });
  const { observed } = observations;
  const plan = narrowGrants(model, observed);
  const kept = [...plan.kept];
  let narrowings = plan.narrowings.filter(({ type }) => !(options.keepUnused && type === "remove"));
  const grants = options.includeDenied ? suggestGrants(model, observed) : [];
  const { newFile, isThere = (file) => files.some(({ name }) => name === file) } = options;
  if (grants.length > 0 && isThere(newFile)) {
    throw new CliError(`suggest: ${newFile} is there already: name another file with --new-file`);
  }
  const wanted = new Set<Connection>(grants.flatMap(({ connections }) => connections));
  // What does not hold is taken back, and the rest is checked again; each round takes back at least one.
  for (;;) {
    const { changes, byHand } = changesOf(
      files,
      narrowings,
      grants.map(({ document }) => document),
      options.newFile,
    );
    kept.push(
      ...byHand.map((grant) => ({
        grant,
        why: "it could be narrower, but a comment or an anchor stands inside of it: change it by hand",
      })),
    );
    narrowings = narrowings.filter(({ grant }) => !byHand.includes(grant));
    const broken = brokenBy(model, files, changes, observed, wanted, new Set(grants.map(({ name }) => name)));
    if (broken.length === 0) {
      const checked = observed.filter(({ verdict }) => verdict === "allow").length;
      return { changes, narrowings, added: grants.map(({ name }) => name), kept, checked };
    }
    const back = narrowings.filter(({ grant }) => broken.includes(grant));
    if (back.length === 0) {
      throw new CliError(
        `suggest: the changed policies do not hold (${broken.join(", ")}): nothing is suggested`,
      );
    }
    kept.push(
      ...back.map(({ grant }) => ({
        grant,
        why: "without all of it, something that was used would be refused",
      })),
    );
    narrowings = narrowings.filter((one) => !back.includes(one));
  }
}

/** Grants by which the changed policies decide otherwise than they must. */
function brokenBy(
  before: Model,
  files: readonly PolicyFile[],
  changes: readonly Change[],
  observed: readonly Observed[],
  wanted: ReadonlySet<Connection>,
  added: ReadonlySet<string>,
): string[] {
  const changed = new Map(changes.map(({ name, after }) => [name, after]));
  const texts = [
    ...files.flatMap(({ name, text }) => {
      const after = changed.has(name) ? changed.get(name) : text;
      return after === undefined ? [] : [{ name, text: after }];
    }),
    ...changes.flatMap(({ name, before: old, after }) =>
      old === "" && after !== undefined ? [{ name, text: after }] : [],
    ),
  ];
  const { model } = loadPolicySet({ texts });
  // What a new grant lets in is for its reviewer; it must not come from anywhere else.
  const breaches = checkNarrowed(before, model, observed, wanted).filter(
    ({ type, rules }) => type === "lost" || !rules.some((rule) => added.has(rule)),
  );
  return [
    ...new Set(
      breaches.flatMap(({ rules, connection }) =>
        rules.length > 0 ? rules : [`${connection.service}:${connection.port}`],
      ),
    ),
  ];
}

function changesOf(
  files: readonly PolicyFile[],
  narrowings: readonly Narrowing[],
  documents: readonly object[],
  newFile: string,
): { changes: Change[]; byHand: string[] } {
  const byHand: string[] = [];
  const done = new Set<string>();
  const changes = files.flatMap(({ name, text }): Change[] => {
    const edited = editGrants(text, narrowings);
    byHand.push(...edited.byHand);
    for (const grant of edited.done) done.add(grant);
    if (edited.text === text) return [];
    const left = edited.text.replace(/^\s*#.*$/gm, "").trim();
    return [{ name, before: text, after: left === "" || left === "---" ? undefined : edited.text }];
  });
  byHand.push(
    ...narrowings.flatMap(({ grant }) => (done.has(grant) || byHand.includes(grant) ? [] : [grant])),
  );
  if (documents.length > 0) {
    const after = documents
      .map((document) => stringify(document, { flowCollectionPadding: true }))
      .join("---\n");
    changes.push({ name: newFile, before: "", after });
  }
  return { changes, byHand };
}

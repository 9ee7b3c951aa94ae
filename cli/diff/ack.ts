import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { AccessChange } from "../../policy/diff/index.ts";
import { commitMessage, parseGitSide } from "./git.ts";
import { parseLiveSide } from "./live.ts";
import type { Side } from "./side.ts";

const ANNOTATION = "portreeve.dev/ack";
const TRAILER = /^Portreeve-Ack:\s*(\S+)/gim;

/**
 * The widenings that nobody has acknowledged. One is acknowledged by an object that causes it: by an annotation of the
 * object that BASE did not have yet, or had with another reason, or by a trailer of HEAD's commit message that names it.
 */
export function unacknowledged(
  changes: readonly AccessChange[],
  base: Side,
  head: Side,
  message: string,
): AccessChange[] {
  const [old, now] = [annotations(base), annotations(head)];
  const named = new Set([...message.matchAll(TRAILER)].map(([, name = ""]) => name));
  const isAcknowledged = (object: string): boolean => {
    const reason = now.get(object);
    const fresh = reason !== undefined && reason.trim() !== "" && reason !== old.get(object);
    return fresh || named.has(object) || named.has(object.replace(/^Grant\//, ""));
  };
  return changes.filter(
    ({ widens, because }) => widens && !because.some(({ object }) => isAcknowledged(object)),
  );
}

function annotations(side: Side): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const add = (object: string, reason: string | undefined): void => {
    if (reason !== undefined) found.set(object, reason);
  };
  switch (side.type) {
    case "policies":
      for (const { document } of side.documents) {
        const { kind, metadata } = document;
        const name = "namespace" in metadata ? `${metadata.namespace}/${metadata.name}` : metadata.name;
        add(kind === "Trust" ? kind : `${kind}/${name}`, metadata.annotations?.[ANNOTATION]);
      }
      break;
    case "cluster":
      for (const { id, annotations } of side.cluster.written.values()) add(id, annotations[ANNOTATION]);
      break;
  }
  return found;
}

/** CI checks out a pull request merged into its base, by a commit without a message of its own: the branch's is its second parent. */
function messages(ref: string, folder: string): string {
  return [ref, `${ref}^2`].map((commit) => commitMessage(commit, folder)).join("\n");
}

/** The message of HEAD's commit: of the ref, or of the commit that is checked out where the folder is. */
export function headMessage(head: string): string {
  if (!existsSync(head)) {
    if (parseLiveSide(head)) return "";
    const git = parseGitSide(head);
    return git ? messages(git.ref, process.cwd()) : "";
  }
  return messages("HEAD", statSync(head).isDirectory() ? head : dirname(head));
}

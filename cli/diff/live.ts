import type { AccessDiff, Cause, ClusterSide } from "../../policy/diff/index.ts";
import type { LiveCluster } from "../drift/live.ts";

/**
 * Reads `cluster:CONTEXT`, `cluster:` for the current context, or `kubeconfig:FILE#CONTEXT`; undefined for text of another form.
 */
export function parseLiveSide(text: string): LiveCluster | undefined {
  const [, scheme, rest = ""] = /^(cluster|kubeconfig):(.*)$/s.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const hash = rest.lastIndexOf("#");
  const [file, context] =
    scheme === "cluster" ? ["", rest] : hash < 0 ? [rest, ""] : [rest.slice(0, hash), rest.slice(hash + 1)];
  return {
    ...(file !== "" && { kubeconfig: file }),
    ...(context !== "" && { context }),
  };
}

/**
 * Takes objects that a running cluster only has in more words (defaults, addresses, what controllers add) out of the
 * objects that differ and out of the causes. Which access differs is not touched: there every field counts.
 */
export function withoutDefaults(
  diff: AccessDiff,
  written: ClusterSide["written"],
  live: ClusterSide["written"],
): AccessDiff {
  const isDefaulted = ({ object, what }: Cause): boolean => {
    const [own, there] = [written.get(object), live.get(object)];
    return (
      what === "changed" &&
      own !== undefined &&
      there !== undefined &&
      holds(JSON.parse(there.content), JSON.parse(own.content))
    );
  };
  const telling = (causes: readonly Cause[]): readonly Cause[] => {
    const kept = causes.filter((cause) => !isDefaulted(cause));
    return kept.length > 0 ? kept : causes;
  };
  return {
    ...diff,
    changes: diff.changes.map((change) => ({ ...change, because: telling(change.because) })),
    objects: diff.objects.filter((cause) => !isDefaulted(cause)),
  };
}

/** Whether all of `part` is in `whole`, at the same places. */
function holds(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return (
      Array.isArray(whole) &&
      whole.length === part.length &&
      part.every((item, index) => holds(whole[index], item))
    );
  }
  if (typeof part !== "object" || part === null) return whole === part;
  if (typeof whole !== "object" || whole === null) return false;
  const there = new Map<string, unknown>(Object.entries(whole));
  return Object.entries(part).every(([key, value]) => holds(there.get(key), value));
}

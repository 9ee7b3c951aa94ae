import { z } from "zod";
import { readAccessTable } from "../../policy/model/recorded.ts";
import type { AccessRow } from "../../policy/model/types.ts";
import { CliError } from "../exit.ts";

const state = z.object({
  urn: z.string(),
  type: z.string(),
  inputs: z.record(z.string(), z.unknown()).nullish(),
  outputs: z.record(z.string(), z.unknown()).nullish(),
});
type State = z.infer<typeof state>;
const step = z.object({ op: z.string(), newState: state.nullish(), oldState: state.nullish() });
const exported = z.object({ deployment: z.object({ resources: z.array(state).nullish() }) });
const preview = z.object({ steps: z.array(step).nullish() });

/** What a Pulumi stack holds, or will hold: access tables of its AccessPlanes, else the Kubernetes objects. */
export type PulumiSide =
  | { readonly type: "tables"; readonly rows: readonly AccessRow[] }
  | { readonly type: "objects"; readonly objects: readonly unknown[] };

/**
 * Reads `pulumi stack export` or `pulumi preview --json`; undefined for JSON that is neither.
 *
 * @throws CliError for one that says nothing on access
 */
export function readPulumi(name: string, value: unknown): PulumiSide | undefined {
  const states = statesOf(value);
  if (states === undefined) return undefined;
  const planes = states.filter(({ type }) => type === "portreeve:index:AccessPlane");
  if (planes.length > 0) return { type: "tables", rows: planes.flatMap((plane) => tableOf(name, plane)) };
  const objects = states.flatMap(({ type, inputs }) =>
    type.startsWith("kubernetes:") && inputs?.kind !== undefined ? [inputs] : [],
  );
  if (objects.length === 0) {
    throw new CliError(
      `${name}: the stack has neither an AccessPlane nor a Kubernetes object, so it says nothing on access`,
    );
  }
  return { type: "objects", objects };
}

function statesOf(value: unknown): State[] | undefined {
  const fromExport = exported.safeParse(value);
  if (fromExport.success) return fromExport.data.deployment.resources ?? [];
  const fromPreview = preview.safeParse(value);
  if (!fromPreview.success || fromPreview.data.steps === undefined) return undefined;
  return (fromPreview.data.steps ?? []).flatMap(({ op, newState }) => {
    // Of a replacement only the end counts; what is deleted will not be there.
    const gone = op === "delete" || op === "delete-replaced" || op === "remove-pending-replace";
    return gone || !newState ? [] : [newState];
  });
}

function tableOf(name: string, plane: State): AccessRow[] {
  // A preview has the inputs of a component alone; there the rows are by pair.
  const { access } = plane.inputs ?? {};
  const planned = typeof access === "object" && access !== null ? Object.values(access).flat() : undefined;
  const table = readAccessTable(plane.outputs?.accessTable ?? planned);
  if (table === undefined) {
    throw new CliError(
      `${name}: ${plane.urn} has no access table of this version; preview or deploy it with this version first`,
    );
  }
  return table;
}

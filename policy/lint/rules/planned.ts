import type { Finding } from "../../finding.ts";
import type { Path } from "../../load/source.ts";
import type { Breach, ObjectId } from "../rule.ts";

/** A finding of the planner about a Service, as a breach of the guardrail that has the same id. */
export function planned({ object, message, severity, fix }: Finding, path: Path): Breach {
  const name = object?.slice(object.indexOf("/") + 1) ?? "";
  const id: ObjectId = `Service/${name}`;
  return { object: id, path, message, severity, ...(fix !== undefined && { fix }) };
}

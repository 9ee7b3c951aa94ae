import type { Node } from "./node.ts";
import type { Report } from "./report.ts";

/** What a rule may need of an object's metadata. */
export interface Meta {
  readonly name: string;
  /** `default` where the object names none. */
  readonly namespace: string;
  readonly labels: Node;
  readonly annotations: Node;
}

/** The rules of Istio's validating webhook for one kind. The object has passed the schema and the rules in CEL. */
export type Check = (spec: Node, meta: Meta, report: Report) => void;

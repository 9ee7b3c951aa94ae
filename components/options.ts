import type { AwsObject } from "../policy/compile/aws/objects.ts";
import type { KubeObject, Owner } from "../policy/compile/target.ts";

/** A target object on its way to becoming a resource. */
export interface TransformChild {
  /** Stable key of the object, e.g. `ServiceEntry/portreeve/orders-db`. */
  readonly key: string;
  /** Type of the component that makes it. */
  readonly owner: Owner;
  /** The policy object that it is for. */
  readonly subject: string;
  /** As it was compiled; frozen. */
  readonly object: KubeObject | AwsObject;
}

/**
 * Changes one child: returns the object to use instead, or undefined to leave it. It runs on plain data before any
 * resource exists; a change may narrow or decorate, and is the caller's own responsibility as to access.
 */
export type Transform = (child: TransformChild) => KubeObject | AwsObject | undefined;

import type { Sourced } from "../load/source.ts";
import type { Kind } from "../schema/index.ts";

/** Documents by kind and id, in the order of their ids. */
export type ByKind = { readonly [K in Kind]: ReadonlyMap<string, Sourced<K>> };

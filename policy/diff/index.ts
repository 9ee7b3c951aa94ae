export { type AccessDiffOptions, diffAccess } from "./access/diff.ts";
export { type AccessSide, sideOfModel } from "./access/side.ts";
export {
  type AccessChange,
  type AccessDiff,
  type Cause,
  type FromKind,
  formatCause,
  type Risk,
} from "./change.ts";
export { diffClusters } from "./cluster/diff.ts";
export { expandClusters } from "./cluster/expand.ts";
export { type ClusterSide, type Locate, readClusterSide } from "./cluster/objects.ts";
export { diffAccessTables, formatAccessChanges } from "./tables.ts";

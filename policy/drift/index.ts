export { type Drift, type DriftRow, type DriftSide, drift } from "./drift.ts";
export { withoutServerFields } from "./objects.ts";

export { explainChains } from "./chains.ts";
export { type Explanation, explain, explainConnection } from "./explain.ts";
export type { Miss, Respect } from "./nearest.ts";

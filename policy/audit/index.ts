export { type Breach, checkNarrowed } from "./check.ts";
export { type Kept, type Narrowing, narrowGrants } from "./narrow.ts";
export { type LogPlace, type Observations, type Observed, whoOf } from "./observed.ts";
export { Observer } from "./observer.ts";
export { type GrantUse, useOfGrants } from "./usage.ts";

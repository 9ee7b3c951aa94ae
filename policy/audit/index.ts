export { type Breach, checkNarrowed } from "./check.ts";
export { type Kept, type Narrowing, narrowGrants } from "./narrow.ts";
export { type LogPlace, type Observations, type Observed, whoOf } from "./observed.ts";
export { Observer } from "./observer.ts";
export { type AuditReport, auditReport, type Did, type ServiceReport, type WaiverReport } from "./report.ts";
export { type Could, grantsSince, type Snapshot, timeline } from "./timeline.ts";
export { type GrantUse, useOfGrants } from "./usage.ts";

export type { Connection, Person, PrincipalChain } from "./connection.ts";
export { decide } from "./decide.ts";
export type { DecisionAgent, DecisionRule, DecisionService, Subjects, Via, When } from "./rule.ts";
export { buildTable, type DecisionTable, type TableInput } from "./table.ts";
export type { Reason, Verdict } from "./verdict.ts";

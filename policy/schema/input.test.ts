/**
 * The interfaces that users write policies by are what the schemas take. Which types are the same, the type check of this file
 * proves and no run of it.
 */
import { expect, expectTypeOf, test } from "vitest";
import type { z } from "zod";
import { generatedInputTypes } from "../../scripts/generated/input-types.ts";
import { staleFiles } from "../../scripts/generated/write.ts";
import type { agentSpec } from "./agent.ts";
import type { grantSpec } from "./grant.ts";
import type { groupSpec } from "./group.ts";
import type {
  AgentSpecInput,
  GrantSpecInput,
  GroupSpecInput,
  ServiceSpecInput,
  TrustSpecInput,
  WaiverSpecInput,
  WorkloadSpecInput,
} from "./index.ts";
import type { serviceSpec } from "./service.ts";
import type { trustSpec } from "./trust.ts";
import type { waiverSpec } from "./waiver.ts";
import type { workloadSpec } from "./workload.ts";

test("each interface and its schema may stand for each other", () => {
  expectTypeOf<TrustSpecInput>().toExtend<z.input<typeof trustSpec>>();
  expectTypeOf<z.input<typeof trustSpec>>().toExtend<TrustSpecInput>();
  expectTypeOf<ServiceSpecInput>().toExtend<z.input<typeof serviceSpec>>();
  expectTypeOf<z.input<typeof serviceSpec>>().toExtend<ServiceSpecInput>();
  expectTypeOf<WorkloadSpecInput>().toExtend<z.input<typeof workloadSpec>>();
  expectTypeOf<z.input<typeof workloadSpec>>().toExtend<WorkloadSpecInput>();
  expectTypeOf<GroupSpecInput>().toExtend<z.input<typeof groupSpec>>();
  expectTypeOf<z.input<typeof groupSpec>>().toExtend<GroupSpecInput>();
  expectTypeOf<AgentSpecInput>().toExtend<z.input<typeof agentSpec>>();
  expectTypeOf<z.input<typeof agentSpec>>().toExtend<AgentSpecInput>();
  expectTypeOf<GrantSpecInput>().toExtend<z.input<typeof grantSpec>>();
  expectTypeOf<z.input<typeof grantSpec>>().toExtend<GrantSpecInput>();
  expectTypeOf<WaiverSpecInput>().toExtend<z.input<typeof waiverSpec>>();
  expectTypeOf<z.input<typeof waiverSpec>>().toExtend<WaiverSpecInput>();
});

test("the interfaces are current: run `npm run schemas` where they are not", () => {
  expect(staleFiles("policy/schema/input", generatedInputTypes())).toEqual([]);
});

test("every field has a text, with its default", () => {
  const service = generatedInputTypes().get("service.ts");
  expect(service).toContain("/** Port that clients use. */\n    port: number;");
  expect(service).toMatch(
    /\/\*\* Enforcement point: [^\n]* @default "proxy" \*\/\n\s+egress\?: "proxy" \| "gateway" \| undefined;/,
  );
});

/** A stack as a test wants to see it: what a preview says, what an update did, what is there now. */
import type { EngineEvent, OutputMap, Stack } from "@pulumi/pulumi/automation/index.js";

/** One resource in a preview or an update. */
export interface StackResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

export interface Step extends StackResource {
  /** `same`, `create`, `update`, `replace`, `delete`, `create-replacement`, `delete-replaced`, … */
  readonly op: string;
  /** Paths of the properties that differ. */
  readonly diffs: readonly string[];
}

export interface Change {
  /** How many resources per operation; an operation without resources is absent. */
  readonly summary: Readonly<Record<string, number>>;
  /** One per resource, in the engine's order; nothing for `same`. */
  readonly steps: readonly Step[];
  readonly outputs: OutputMap;
  /** What the CLI printed. */
  readonly text: string;
}

export interface TestStack {
  /** The Automation API's own stack, for what is not wrapped here. */
  readonly stack: Stack;
  readonly config: (values: Readonly<Record<string, string>>) => Promise<void>;
  readonly preview: () => Promise<Change>;
  readonly up: () => Promise<Change>;
  readonly refresh: () => Promise<Change>;
  readonly destroy: () => Promise<Change>;
  /** The resources in the state. */
  readonly resources: () => Promise<StackResource[]>;
}

export function wrapStack(stack: Stack): TestStack {
  const observe = () => {
    const steps: Step[] = [];
    let summary: Record<string, number> = {};
    const onEvent = (event: EngineEvent) => {
      const step = event.resourcePreEvent?.metadata;
      if (step !== undefined && step.op !== "same") {
        const { urn, type, op } = step;
        const inputs = (step.new ?? step.old)?.inputs ?? {};
        const diffs = step.detailedDiff ? Object.keys(step.detailedDiff) : (step.diffs ?? []);
        steps.push({ urn, type, name: nameOf(urn), op, inputs, diffs: diffs.sort() });
      }
      if (event.summaryEvent !== undefined) summary = { ...event.summaryEvent.resourceChanges };
    };
    const change = (text: string, outputs: OutputMap = {}): Change => ({ summary, steps, outputs, text });
    return { onEvent, change };
  };
  return {
    stack,
    config: (values) =>
      stack.setAllConfig(Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { value }]))),
    preview: async () => {
      const { onEvent, change } = observe();
      const result = await stack.preview({ onEvent, diff: true });
      return change(result.stdout);
    },
    up: async () => {
      const { onEvent, change } = observe();
      const result = await stack.up({ onEvent });
      return change(result.stdout, result.outputs);
    },
    refresh: async () => {
      const { onEvent, change } = observe();
      const result = await stack.refresh({ onEvent });
      return change(result.stdout);
    },
    destroy: async () => {
      const { onEvent, change } = observe();
      const result = await stack.destroy({ onEvent });
      return change(result.stdout);
    },
    resources: async () => {
      const { deployment } = (await stack.exportStack()) as { deployment: { resources?: StateResource[] } };
      return (deployment.resources ?? []).map(({ urn, type, inputs }) => ({
        urn,
        type,
        name: nameOf(urn),
        inputs: inputs ?? {},
      }));
    },
  };
}

interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

const nameOf = (urn: string): string => urn.split("::").slice(3).join("::");

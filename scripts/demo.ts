/**
 * `npm run demo`: the main job. The real Pulumi engine previews, creates, changes and destroys the orders example.
 *
 * By default the Kubernetes side is rendered to a folder and AWS is off, so it needs no cluster and no account.
 * `--cluster` applies it to a real API server with Istio's custom resources and istiod's webhook, and to an AWS
 * emulator; `--keep` then leaves all of it running. `--people` shows the other half instead: a person and an agent who
 * reach a database through the proxy.
 */
import { parseArgs } from "node:util";
import type { AccessRow } from "../policy/model/types.ts";
import { type Change, openPulumi, type TestStack } from "../test/cluster/pulumi.ts";
import { openScope } from "../test/cluster/scope.ts";
import { accessText } from "./demo/access-text.ts";
import { showProxy } from "./demo/proxy.ts";
import { type DemoTarget, openCluster, openFolder } from "./demo/target.ts";
import { editPolicy, makeWorkspace } from "./demo/workspace.ts";

const { values: flags } = parseArgs({
  options: {
    cluster: { type: "boolean", default: false },
    people: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    "real-providers": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (flags.help) {
  console.log(`Usage: npm run demo -- [--cluster] [--keep] [--real-providers]
       npm run demo -- --people [--keep]

  --cluster         a real API server with Istio's custom resources and webhook, and an AWS emulator
  --people          a person and an agent sign in, reach a database with psql, are refused, and are found in the records
  --keep            with --cluster or --people: leave it running when done, and print the kubeconfig, or commands to type
  --real-providers  use the kubernetes and aws providers of your Pulumi instead of the stand-ins`);
} else {
  try {
    if (flags.people) await people();
    else await demo();
  } catch (error) {
    // What the CLI printed is in the message; a stack trace of this script would bury it.
    console.error(`\nThe demo failed: ${failureText(error)}`);
    process.exitCode = 1;
  }
}

/** Loaded when it is asked for: the main demo needs neither a provider nor a database. */
async function people(): Promise<void> {
  if (flags.cluster || flags["real-providers"])
    throw new Error("--people needs no cluster and no providers; leave --cluster and --real-providers away");
  const { showPeople } = await import("./demo/people.ts");
  await showPeople(teller(), flags.keep);
}

/** Says what comes next, with the seconds that have passed. */
function teller(): (text: string) => void {
  const started = Date.now();
  return (text) => console.log(`\n\u25b8 ${text}  [${((Date.now() - started) / 1000).toFixed(0)}s]`);
}

async function demo(): Promise<void> {
  const scope = await openScope("demo");
  const say = teller();
  let target: DemoTarget | undefined;
  let keep = false;
  const pulumi = await openPulumi({ providers: flags["real-providers"] ? "real" : "stand-in" });
  try {
    const workspace = makeWorkspace(scope.dir);
    target = flags.cluster ? await openCluster(say) : await openFolder(workspace);
    const stack = await pulumi.folder(workspace.dir, "demo");
    await stack.config({ "portreeve-orders:policies": workspace.policies, ...target.config });
    if (!flags["real-providers"]) {
      console.log(
        "The kubernetes and aws providers are small stand-ins from the test harness; --real-providers uses yours.",
      );
    }

    say("pulumi preview: what would be made");
    console.log(counts(await stack.preview()));
    say("pulumi up");
    const up = await stack.up();
    console.log(counts(up));
    console.log(`\nWho may reach what, and which enforcement point decides:\n${accessText(rowsOf(up))}`);
    console.log(`\n${await target.describe()}`);

    say("pulumi up again: nothing changes");
    expectNothing(await stack.up());

    say("The proxy, with the configuration that was deployed");
    console.log(await showProxy(scope, await target.proxyConfig()));

    say("One grant changes");
    const line = editPolicy(
      workspace,
      "grants.yaml",
      "from: { workloads: [shop/api] }\n  to: { service: cache }",
      "from: { workloads: [shop/api, shop/worker] }\n  to: { service: cache }",
    );
    console.log(
      `grants.yaml:${line}\n  - from: { workloads: [shop/api] }\n  + from: { workloads: [shop/api, shop/worker] }`,
    );
    say("pulumi preview: the difference");
    const preview = await stack.preview();
    console.log(stepsText(preview));
    say("pulumi up");
    const changed = await stack.up();
    console.log(counts(changed));
    console.log(`\nAccess gained:\n${accessText(gained(rowsOf(up), rowsOf(changed)))}`);

    if (flags.keep && target.keep) {
      keep = true;
      await target.keep();
      return;
    }
    say("pulumi destroy");
    console.log(counts(await stack.destroy()));
    await expectEmpty(stack, target);
    say("Done: nothing is left behind.");
  } finally {
    if (!keep) await target?.close();
    await pulumi.close();
    await scope.stop();
  }
}

/** What went wrong, without the second copy that the Automation API appends and without terminal colours. */
function failureText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character of terminal colours.
  return (text.split("\n err?:")[0] ?? text).replace(/\u001b\[[\d;]*m/g, "").trim();
}

function rowsOf(change: Change): AccessRow[] {
  return (change.outputs.accessTable?.value ?? []) as AccessRow[];
}

function gained(before: readonly AccessRow[], after: readonly AccessRow[]): AccessRow[] {
  const known = new Set(before.map((row) => JSON.stringify(row)));
  return after.filter((row) => !known.has(JSON.stringify(row)));
}

function counts(change: Change): string {
  const entries = Object.entries(change.summary).sort();
  return entries.length === 0 ? "no resources" : entries.map(([op, count]) => `${count} ${op}`).join(", ");
}

function stepsText(change: Change): string {
  return change.steps
    .filter((step) => !step.type.startsWith("pulumi:"))
    .map(
      (step) =>
        `  ${step.op.padEnd(8)} ${step.name}${step.diffs.length > 0 ? `  (${step.diffs.join(", ")})` : ""}`,
    )
    .join("\n");
}

function expectNothing(change: Change): void {
  console.log(counts(change));
  const changing = change.steps.filter((step) => step.op !== "read" && step.op !== "refresh");
  if (changing.length > 0)
    throw new Error(`a second up must change nothing, but it did:\n${stepsText(change)}`);
}

async function expectEmpty(stack: TestStack, target: DemoTarget): Promise<void> {
  const resources = await stack.resources();
  if (resources.length > 0)
    throw new Error(`left in the state: ${resources.map(({ urn }) => urn).join(", ")}`);
  const left = await target.leftovers();
  if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
}

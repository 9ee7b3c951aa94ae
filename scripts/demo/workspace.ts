/** A throw-away project around the orders example: its own policies to edit, its own state, its own output folder. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Workspace {
  /** The Pulumi project folder. */
  readonly dir: string;
  /** The copy of the policies, which the demo edits. */
  readonly policies: string;
  /** Where Kubernetes YAML is rendered to. */
  readonly rendered: string;
}

const repository = join(import.meta.dirname, "../..");

/** Makes the project in `dir`. The example's program is the repository's own; only the policies are a copy. */
export function makeWorkspace(dir: string): Workspace {
  const project = join(dir, "project");
  const policies = join(dir, "policies");
  mkdirSync(project);
  writeFileSync(join(project, "Pulumi.yaml"), readFileSync(join(repository, "Pulumi.yaml")));
  // The project's `main` must lie below the project.
  symlinkSync(join(repository, "examples"), join(project, "examples"));
  cpSync(join(repository, "examples/orders/policies"), policies, { recursive: true });
  return { dir: project, policies, rendered: join(dir, "rendered") };
}

/** Replaces text in a policy file; fails when it is not there, because then the demo would show nothing. */
export function editPolicy(workspace: Workspace, file: string, before: string, after: string): number {
  const path = join(workspace.policies, file);
  const text = readFileSync(path, "utf8");
  const at = text.indexOf(before);
  if (at < 0) throw new Error(`${file} does not hold the text that the demo changes:\n${before}`);
  writeFileSync(path, text.replace(before, after));
  return text.slice(0, at).split("\n").length;
}

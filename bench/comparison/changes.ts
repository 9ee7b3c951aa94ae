import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const access = z.strictObject({
  change: z.enum(["gained", "lost"]),
  from: z.string(),
  to: z.string(),
  ports: z.string(),
});

const truth = z.strictObject({
  /** What was changed, in the words of a pull request. */
  title: z.string(),
  /** What is wrong with it; absent where nothing is. */
  mistake: z.string().optional(),
  /** Why the access below is what changes, by the documentation of Kubernetes, Istio or AWS. */
  because: z.string(),
  /** What nothing but this reveals. */
  revealedBy: z.enum(["network policy", "identity", "Istio's TCP rules", "routing", "IAM", "nothing"]),
  access: z.array(access),
});

/** Who can open a TCP connection after the change and could not before, or the other way round. */
export type Access = z.infer<typeof access>;

/** One change set: the folders `before` and `after`, and what is true of it. */
export interface Change {
  readonly id: string;
  readonly before: string;
  readonly after: string;
  readonly truth: z.infer<typeof truth>;
}

const root = join(import.meta.dirname, "changes");

export function readChanges(): Change[] {
  return readdirSync(root)
    .sort()
    .map((id) => ({
      id,
      before: join(root, id, "before"),
      after: join(root, id, "after"),
      truth: truth.parse(parse(readFileSync(join(root, id, "truth.yaml"), "utf8"))),
    }));
}

/** Files of one side, relative to its folder: those of the cluster, those of IAM, and the policy set of Portreeve. */
export function filesOf(side: string): { cluster: string[]; iam: string[]; policies: boolean } {
  const entries = readdirSync(side);
  return {
    cluster: entries.filter((name) => name.endsWith(".yaml")).sort(),
    iam: entries.filter((name) => name.endsWith(".json")).sort(),
    policies: entries.includes("portreeve"),
  };
}

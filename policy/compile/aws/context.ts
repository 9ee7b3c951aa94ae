import { createHash } from "node:crypto";
import type { Finding } from "../../finding.ts";
import { canonicalJson } from "../../model/canonical.ts";
import type { Cluster, Model, Rule, Workload } from "../../model/types.ts";
import { rulesByService } from "../../plan/admitted.ts";
import type { CompileInput, Owner, Target } from "../target.ts";
import type { AwsObject, Tags } from "./objects.ts";

/** What every part of this compiler reads, looked up once. */
export interface Context {
  readonly model: Model;
  readonly cluster: Cluster;
  readonly grouping: "service" | "grant";
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  /** Workloads of the cluster, by SPIFFE ID and by namespace. */
  readonly byIdentity: ReadonlyMap<string, readonly Workload[]>;
  readonly byNamespace: ReadonlyMap<string, readonly Workload[]>;
  readonly findings: Finding[];
}

export function makeContext({ model, cluster, grouping = "service" }: CompileInput): Context {
  const local = [...model.workloads.values()].filter((workload) => workload.clusters.includes(cluster.name));
  return {
    model,
    cluster,
    grouping,
    rules: rulesByService(model),
    byIdentity: Map.groupBy(local, (workload) => workload.spiffeId),
    byNamespace: Map.groupBy(local, (workload) => workload.namespace),
    findings: [],
  };
}

/** A target; `name` is unique among the objects of its type. */
export function awsTarget<T extends AwsObject>(
  owner: Owner,
  subject: string,
  causes: Iterable<string>,
  name: string,
  object: T,
): Target<T> {
  return { key: `${object.type}/${name}`, owner, subject, causes: [...new Set(causes)].sort(), object };
}

/**
 * Tags of an object: who answers for it, and a digest of what it says. The digest is the object's own, not the whole
 * policy's: that one would change every role with every grant.
 */
export function awsTags(subject: string, owner: string | undefined, content: unknown): Tags {
  return {
    "portreeve.dev/digest": createHash("sha256").update(canonicalJson(content)).digest("hex").slice(0, 16),
    "portreeve.dev/object": subject,
    // Tags take letters, digits and a few signs; what else a policy may write is left out.
    ...(owner !== undefined && {
      "portreeve.dev/owner": owner.replace(/[^\p{L}\p{N} _.:/=+\-@]/gu, "_").slice(0, 256),
    }),
  };
}

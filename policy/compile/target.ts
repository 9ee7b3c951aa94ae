import type { Finding } from "../finding.ts";
import type { Cluster, Model } from "../model/types.ts";

/** A Kubernetes or Istio object as plain data. Text leaves may hold `${ref:NAME}`; structure never does. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** The component that owns a target object; see components/. */
export type Owner = "TcpService" | "WorkloadIdentity" | "AccessPolicy" | "TcpProxy" | "MeshGuards";

/** One object to be made, and why it exists. */
export interface Target<T> {
  /**
   * Unique within one compilation and stable: derived from policy names only. The names of Pulumi resources and of
   * rendered files come from it, so a change of a key is a replacement of a deployed resource.
   */
  readonly key: string;
  readonly owner: Owner;
  /** The policy object that the owner stands for: a service's name, a workload's id, a grant's name, `proxy`, `guards`. */
  readonly subject: string;
  /** `Kind/name` of every policy object that has a part in it, sorted. */
  readonly causes: readonly string[];
  readonly object: T;
}

/** What one target compiler made, ordered by key, and what stands against it. An `error` finding means: do not deploy. */
export interface Compiled<T> {
  readonly targets: readonly Target<T>[];
  readonly findings: readonly Finding[];
}

/** What every target compiler is given. */
export interface CompileInput {
  readonly model: Model;
  /** The cluster compiled for; one of the model's. */
  readonly cluster: Cluster;
  /**
   * How grants become authorization objects: one object per `service`, made from the whole set (fewest objects), or
   * one per `grant`, which add up, so that a grant can be made by a component of its own. @default "service"
   */
  readonly grouping?: "service" | "grant";
}

/** Labels that every generated Kubernetes object carries. */
export function managedLabels(subject: string): Record<string, string> {
  return { "app.kubernetes.io/managed-by": "portreeve", "portreeve.dev/object": subject };
}

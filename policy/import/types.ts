import type { Finding, Position } from "../finding.ts";
import type { DataPlane } from "../istio/authorization/index.ts";
import type { PolicyObject } from "../load/index.ts";

/** The objects of a folder, and where each value of them is written: what `readManifests` gives. */
export interface ImportSource {
  readonly objects: readonly unknown[];
  positionOf(path: readonly PropertyKey[]): Position;
}

/** What becomes of a service that today lets everybody in. */
export type OpenAs =
  /** A grant for every namespace that is known: the same for all of them, narrower for namespaces to come. */
  | "namespaces"
  /** A grant for every address, and a Waiver of PR222: the same for everybody in the mesh. */
  | "anyone"
  /** The service is left out, so that it stays as it is. */
  | "list";

export interface ImportOptions {
  /** `meshConfig.trustDomain`. @default the one that most principals name, else cluster.local */
  readonly trustDomain?: string;
  readonly trustDomainAliases?: readonly string[];
  /** `meshConfig.rootNamespace`. */
  readonly rootNamespace: string;
  /** Name of the cluster in Trust. */
  readonly cluster: string;
  /** @default by the labels of namespaces and pods */
  readonly dataPlane?: "sidecar" | "ambient";
  readonly istioVersion: string;
  /** Only services of these namespaces. @default all */
  readonly namespaces?: readonly string[];
  readonly openAs: OpenAs;
  /** Who answers for imported grants and services. @default nobody is named, which lint warns of */
  readonly owner?: string;
  /** Who accepts what today breaks a guardrail. @default no Waiver is written, and plaintext is refused */
  readonly waiver?: { readonly owner: string; readonly expires: string };
}

/** A policy document, and what it was made from. */
export interface ImportedDocument {
  readonly document: PolicyObject;
  /** One line each, without `#`. */
  readonly comments: readonly string[];
}

/** Something in the folder that Portreeve has no equal for, or that a person should decide. */
export interface NoEqual {
  /** `AuthorizationPolicy shop/api rule 2`, `Service shop/web port 80`. */
  readonly subject: string;
  /** Why, and what the effect is. */
  readonly message: string;
  readonly position?: Position;
}

/** Connections that would be judged otherwise than today. */
export interface Difference {
  /** `wider`: denied today, allowed by the imported policies. `narrower`: the other way round. */
  readonly change: "wider" | "narrower";
  /** The Service object, or the Kubernetes object that is left out. */
  readonly service: string;
  readonly port: number;
  /** Who, in words: `shop/api`, `any other account of shop`, `plaintext from 10.0.0.0/8`. */
  readonly callers: readonly string[];
  /** What decides today: `AuthorizationPolicy shop/api rule 0`, or in words. */
  readonly by: string;
  readonly position?: Position;
}

export interface ImportResult {
  readonly documents: readonly ImportedDocument[];
  readonly noEqual: readonly NoEqual[];
  readonly differences: readonly Difference[];
  /** What the import took for granted, to be checked by a reader. */
  readonly notes: readonly string[];
  /** Errors of the compilers over the imported documents. */
  readonly findings: readonly Finding[];
  /** How many connections were judged by today's objects, by the model and by what it compiles to. */
  readonly compared: number;
}

/** How the mesh is set up, as far as verdicts depend on it. */
export interface Mesh {
  readonly trustDomain: string;
  readonly aliases: readonly string[];
  readonly rootNamespace: string;
  readonly dataPlane: DataPlane;
}

import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource.js";
import { Deployment } from "@pulumi/kubernetes/apps/v1/deployment.js";
import { HorizontalPodAutoscaler } from "@pulumi/kubernetes/autoscaling/v2/horizontalPodAutoscaler.js";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap.js";
import { Service } from "@pulumi/kubernetes/core/v1/service.js";
import { ServiceAccount } from "@pulumi/kubernetes/core/v1/serviceAccount.js";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1/networkPolicy.js";
import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1/podDisruptionBudget.js";
import type * as pulumi from "@pulumi/pulumi";
import type { KubeObject } from "../../policy/compile/target.ts";
import type { Refs } from "../leaves.ts";
import { resolveLeaves } from "./text.ts";

/** Kubernetes' own kinds go through their typed resource, which knows how to wait for them and what forces a replacement. */
const TYPED: Readonly<
  Record<
    string,
    new (
      name: string,
      args: never,
      opts?: pulumi.CustomResourceOptions,
    ) => pulumi.CustomResource
  >
> = {
  "v1/ConfigMap": ConfigMap,
  "v1/Service": Service,
  "v1/ServiceAccount": ServiceAccount,
  "apps/v1/Deployment": Deployment,
  "networking.k8s.io/v1/NetworkPolicy": NetworkPolicy,
  "policy/v1/PodDisruptionBudget": PodDisruptionBudget,
  "autoscaling/v2/HorizontalPodAutoscaler": HorizontalPodAutoscaler,
};

/** Makes the Pulumi resource for one Kubernetes or Istio object. */
export function lowerKubernetes(
  name: string,
  object: KubeObject,
  refs: Refs,
  opts: pulumi.CustomResourceOptions,
): pulumi.CustomResource {
  const args = resolveLeaves(object, refs);
  const Typed = TYPED[`${object.apiVersion}/${object.kind}`];
  return Typed ? new Typed(name, args as never, opts) : new CustomResource(name, args as never, opts);
}

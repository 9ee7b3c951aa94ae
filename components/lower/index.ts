import * as pulumi from "@pulumi/pulumi";
import type { AwsObject } from "../../policy/compile/aws/objects.ts";
import type { KubeObject } from "../../policy/compile/target.ts";
import { type Finding, formatFinding } from "../../policy/finding.ts";
import type { AnyTarget, PolicySet } from "../policy-set.ts";
import { lowerAws } from "./aws.ts";
import { lowerKubernetes } from "./kubernetes.ts";

/** Makes the resources of one component's targets, as its children. */
export function lowerTargets(
  component: pulumi.ComponentResource,
  componentName: string,
  set: PolicySet,
  targets: readonly AnyTarget[],
): void {
  const opts: pulumi.CustomResourceOptions = { parent: component };
  for (const { platform, target } of targets) {
    // A resource's name starts with the component's, because a URN holds the parent's type and not its name.
    const name = `${componentName}-${target.key.replaceAll("/", ".")}`;
    const child = { key: target.key, owner: target.owner, subject: target.subject, object: target.object };
    const object = decorate(set.transform?.(child) ?? target.object, set);
    const resource =
      platform === "kubernetes"
        ? lowerKubernetes(name, object as KubeObject, set.refs, opts)
        : lowerAws(name, object as AwsObject, set.refs, set.made, { ...opts, ...providerOf(object, set) });
    set.made.set(target.key, resource);
  }
}

/** The provider of the account that an object belongs to, where it is not the stack's own. */
function providerOf(object: KubeObject | AwsObject, set: PolicySet): pulumi.CustomResourceOptions {
  const provider = "account" in object ? set.awsAccounts[object.account] : undefined;
  return provider === undefined ? {} : { provider };
}

/** Adds the user's own labels and tags; what Portreeve sets itself stays, because selectors and reviews rely on it. */
function decorate(object: KubeObject | AwsObject, set: PolicySet): KubeObject | AwsObject {
  if ("kind" in object) {
    const labels = { ...set.labels, ...object.metadata.labels };
    return Object.keys(set.labels).length === 0
      ? object
      : { ...object, metadata: { ...object.metadata, labels } };
  }
  return "tags" in object ? { ...object, tags: { ...set.tags, ...object.tags } } : object;
}

/** Tells warnings on the component, so that they show in `pulumi preview` and in the pull request. */
export function tellWarnings(component: pulumi.Resource, warnings: readonly Finding[]): void {
  for (const warning of warnings) void pulumi.log.warn(formatFinding(warning), component);
}

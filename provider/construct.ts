import * as pulumi from "@pulumi/pulumi";
import type { ConstructResult } from "@pulumi/pulumi/provider/index.js";
import { AccessPlane } from "../components/access-plane.ts";
import type { PolicySetArgs } from "../components/policy-set.ts";
import { awsAccountProviders } from "./aws-accounts.ts";

/** Arguments that must be plain, because the policies decide which resources exist. */
const PLAIN = ["policies", "policyText", "cluster", "aws", "now"] as const;

/** Makes the component for a program in any language. */
export async function construct(
  name: string,
  type: string,
  inputs: pulumi.Inputs,
  options: pulumi.ComponentResourceOptions,
): Promise<ConstructResult> {
  if (type !== "portreeve:index:AccessPlane")
    throw new Error(`portreeve has no component ${type}; it has portreeve:index:AccessPlane`);
  const plane = new AccessPlane(name, await planeArgs(name, inputs), options);
  return {
    urn: plane.urn,
    state: {
      policyDigest: plane.policyDigest,
      accessTable: plane.accessTable,
      proxyAddress: plane.proxyAddress,
    },
  };
}

async function planeArgs(name: string, inputs: pulumi.Inputs): Promise<PolicySetArgs> {
  const args: Record<string, unknown> = {};
  for (const key of PLAIN) {
    const value = await plainValue(key, inputs[key]);
    if (value !== undefined && value !== null) args[key] = value;
  }
  const refs = await refsOf(inputs.refs);
  const awsAccounts = await awsAccountProviders(name, await plainValue("awsAccounts", inputs.awsAccounts));
  return { ...args, ...(refs && { refs }), ...(awsAccounts && { awsAccounts }) };
}

/** The engine may wrap a plain value; one that is unknown now cannot decide what exists. */
async function plainValue(key: string, value: unknown): Promise<unknown> {
  if (!pulumi.Output.isInstance(value)) return value;
  const output = value as pulumi.OutputInstance<unknown> & {
    promise(): Promise<unknown>;
    isKnown: Promise<boolean>;
  };
  if (!(await output.isKnown)) {
    throw new Error(
      `\`${key}\` is not known yet: the policies must be plain values; only \`refs\` may come from other resources`,
    );
  }
  return output.promise();
}

/** The keys of `refs` are structure and known; their values may be unknown in a preview. */
async function refsOf(value: unknown): Promise<Record<string, pulumi.Input<string>> | undefined> {
  const refs = await plainValue("refs", value);
  return typeof refs === "object" && refs !== null
    ? (refs as Record<string, pulumi.Input<string>>)
    : undefined;
}

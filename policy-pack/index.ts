/** The guardrails as a Pulumi policy pack: `pulumi preview --policy-pack node_modules/portreeve/policy-pack`. */
import { PolicyPack } from "@pulumi/policy";
import { packageRoot } from "./page.ts";
import { toPolicies } from "./policies.ts";
import { packRules } from "./rules.ts";

// PolicyPack reads its version from the package.json of the working folder, which is the user's program.
process.chdir(packageRoot());

new PolicyPack("portreeve", {
  description: "Who may touch which TCP port: guardrails over Istio, Kubernetes and AWS resources.",
  policies: toPolicies(packRules, Date.now),
});

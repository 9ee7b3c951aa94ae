import type { Finding } from "../../policy/finding.ts";
import { lint } from "../../policy/lint/index.ts";
import type { LintRule } from "../../policy/lint/rule.ts";
import { loadPolicySet } from "../../policy/load/index.ts";

/** The instant at which the samples of the guardrails are judged. */
export const NOW = Date.parse("2026-01-01T00:00:00Z");

/** A Trust for samples that state none: one cluster with DNS capture, one with planned addresses, one identity provider. */
export const TRUST = `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters:
    - { name: use1, dataPlane: sidecar, istioVersion: "1.31" }
    - { name: vip, dataPlane: sidecar, istioVersion: "1.31", addressing: { mode: vips, range: 240.240.0.0/16 } }
  identityProviders: { oidc: [{ name: okta, issuer: "https://okta.example.com", audiences: [portreeve] }] }
`;

/** All findings of a policy text, with {@link TRUST} where it has none. */
export function findingsOf(text: string, now: number = NOW): Finding[] {
  const texts = [{ name: "policy.yaml", text }];
  if (!text.includes("kind: Trust")) texts.push({ name: "trust.yaml", text: TRUST });
  const { model, documents } = loadPolicySet({ texts });
  return lint(model, { now, sources: documents });
}

/** `line severity message` of what one guardrail finds. */
export function breachesOf(rule: LintRule, text: string, now: number = NOW): string[] {
  return findingsOf(text, now)
    .filter((finding) => finding.rule === rule.id)
    .map(({ position, severity, message }) => `${position?.line} ${severity} ${message}`);
}

/** A Service document; `spec` in flow style. */
export function serviceText(name: string, spec: string): string {
  return `apiVersion: portreeve.dev/v1\nkind: Service\nmetadata: { name: ${name} }\nspec: ${spec}\n---\n`;
}

/** Any document with a spec in flow style. */
export function documentText(kind: string, name: string, spec: string): string {
  const [first = "", second] = name.split("/");
  const metadata = second === undefined ? `{ name: ${first} }` : `{ namespace: ${first}, name: ${second} }`;
  return `apiVersion: portreeve.dev/v1\nkind: ${kind}\nmetadata: ${metadata}\nspec: ${spec}\n---\n`;
}

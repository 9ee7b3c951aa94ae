import { z } from "zod";
import type { SecurityPolicy } from "../objects.ts";

/** What is wrong with an object's shape, and where in it (`spec.rules[0].from`). */
export interface ShapeProblem {
  readonly path: string;
  readonly message: string;
}

const texts = z.optional(z.array(z.string()));
const labels = z.optional(z.record(z.string(), z.string()));
const selector = z.optional(z.object({ matchLabels: labels }));
const metadata = z.object({
  name: z.string().min(1),
  namespace: z.optional(z.string()),
  labels,
  annotations: labels,
  creationTimestamp: z.optional(z.string()),
});

const source = z.object({
  principals: texts,
  notPrincipals: texts,
  requestPrincipals: texts,
  notRequestPrincipals: texts,
  namespaces: texts,
  notNamespaces: texts,
  serviceAccounts: texts,
  notServiceAccounts: texts,
  trustDomains: texts,
  notTrustDomains: texts,
  ipBlocks: texts,
  notIpBlocks: texts,
  remoteIpBlocks: texts,
  notRemoteIpBlocks: texts,
});
const operation = z.object({
  hosts: texts,
  notHosts: texts,
  ports: texts,
  notPorts: texts,
  methods: texts,
  notMethods: texts,
  paths: texts,
  notPaths: texts,
});
const rule = z.object({
  from: z.optional(z.array(z.object({ source: z.optional(source) }))),
  to: z.optional(z.array(z.object({ operation: z.optional(operation) }))),
  when: z.optional(z.array(z.object({ key: z.string(), values: texts, notValues: texts }))),
});
const target = z.object({
  group: z.optional(z.string()),
  kind: z.string(),
  name: z.string(),
  namespace: z.optional(z.string()),
});

const API_VERSION = "security.istio.io/v1";
const apiVersion = z.string().regex(/^security\.istio\.io\/v1(beta1)?$/, {
  error: "expected security.istio.io/v1 or security.istio.io/v1beta1",
});
const authorizationPolicy = z.object({
  apiVersion: apiVersion.default(API_VERSION),
  kind: z.literal("AuthorizationPolicy"),
  metadata,
  spec: z.optional(
    z.object({
      selector,
      targetRef: z.optional(target),
      targetRefs: z.optional(z.array(target)),
      action: z.optional(z.enum(["ALLOW", "DENY", "AUDIT", "CUSTOM"])),
      rules: z.optional(z.array(rule)),
      provider: z.optional(z.object({ name: z.optional(z.string()) })),
    }),
  ),
});

const mutualTls = z.object({ mode: z.optional(z.enum(["UNSET", "DISABLE", "PERMISSIVE", "STRICT"])) });
const peerAuthentication = z.object({
  apiVersion: apiVersion.default(API_VERSION),
  kind: z.literal("PeerAuthentication"),
  metadata,
  spec: z.optional(
    z.object({
      selector,
      mtls: z.optional(mutualTls),
      portLevelMtls: z.optional(
        z.record(z.string().regex(/^\d+$/, { error: "expected a port number" }), mutualTls),
      ),
    }),
  ),
});

const securityPolicy = z.discriminatedUnion("kind", [authorizationPolicy, peerAuthentication], {
  error: "expected kind AuthorizationPolicy or PeerAuthentication",
});

/** Reads an AuthorizationPolicy or PeerAuthentication; fields that play no part in the verdict are left out. */
export function parseSecurityPolicy(
  value: unknown,
): { readonly policy: SecurityPolicy } | { readonly problems: readonly ShapeProblem[] } {
  const read = securityPolicy.safeParse(dropNulls(value));
  // zod gives an absent field no key, which its inferred type cannot say.
  if (read.success) return { policy: read.data as SecurityPolicy };
  return {
    problems: read.error.issues.map((issue) => ({ path: formatPath(issue.path), message: issue.message })),
  };
}

/** `["spec", "rules", 0]` as `spec.rules[0]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
    "",
  );
}

/** In a Kubernetes object a field that is `null` is one that is absent. A `null` in a list stays, and is refused. */
function dropNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, field]) => (field === null ? [] : [[key, dropNulls(field)]])),
  );
}

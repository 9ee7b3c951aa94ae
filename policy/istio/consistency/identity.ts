import type { AuthorizationPolicy, Rule, Source } from "../objects.ts";

const POSITIVE = ["principals", "namespaces", "serviceAccounts"] as const;
const NEGATIVE = ["notPrincipals", "notNamespaces", "notServiceAccounts"] as const;

const filled = (source: Source | undefined, fields: readonly (keyof Source)[]): boolean =>
  fields.some((field) => (source?.[field]?.length ?? 0) > 0);

/**
 * Whether a client without an identity gets past the policy by having none: a DENY of identities does not match it, and an
 * ALLOW of "all but these" does. An ALLOW of identities holds: nobody without one matches.
 */
export function evadedByPlaintext({ spec }: AuthorizationPolicy): boolean {
  const sources = (rule: Rule): readonly (Source | undefined)[] =>
    (rule.from ?? []).map(({ source }) => source);
  switch (spec?.action ?? "ALLOW") {
    case "DENY":
      return (spec?.rules ?? []).some((rule) => sources(rule).some((source) => filled(source, POSITIVE)));
    case "ALLOW":
      return (spec?.rules ?? []).some((rule) =>
        sources(rule).some((source) => filled(source, NEGATIVE) && !filled(source, POSITIVE)),
      );
    case "AUDIT":
    case "CUSTOM":
      return false;
  }
}

/** False when every rule of a DENY is for other ports; an ALLOW policy always concerns all ports, as it closes the rest. */
export function concernsPort({ spec }: AuthorizationPolicy, port: number): boolean {
  if (spec?.action !== "DENY" && spec?.action !== "CUSTOM") return true;
  return (spec.rules ?? []).some(({ to }) => {
    if (to === undefined || to.length === 0) return true;
    return to.some(({ operation }) => {
      const { ports = [], notPorts = [] } = operation ?? {};
      return (ports.length === 0 || ports.includes(String(port))) && !notPorts.includes(String(port));
    });
  });
}

/** Whether any rule asks who the client is. */
export function readsIdentity({ spec }: AuthorizationPolicy): boolean {
  return (spec?.rules ?? []).some((rule) =>
    (rule.from ?? []).some(({ source }) => filled(source, [...POSITIVE, ...NEGATIVE])),
  );
}

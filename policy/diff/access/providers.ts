import { canonicalJson } from "../../model/canonical.ts";
import type { Model } from "../../model/types.ts";

type Providers = Model["trust"]["spec"]["identityProviders"];
type Fields = Readonly<Record<string, unknown>>;

/** How one identity provider was, and is. */
export interface ProviderChange {
  readonly before: string;
  readonly after: string;
}

/** What changed about identity providers, one by one: of one that came, its issuer; of one that changed, what did. */
export function providerChanges(before: Providers, after: Providers): ProviderChange[] {
  const [old, now] = [byName(before), byName(after)];
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((name) => {
    const [a, b] = [old.get(name), now.get(name)];
    if (a && b) return changed(name, a, b);
    return [{ before: a ? known(name, a) : `no ${name}`, after: b ? known(name, b) : `no ${name}` }];
  });
}

function byName({ oidc, aws }: Providers): Map<string, Fields> {
  return new Map<string, Fields>([
    ...oidc.map((one) => [`identity provider ${one.name}`, one] as const),
    ...aws.map((one) => [`AWS identities ${one.name}`, one] as const),
  ]);
}

/** Whom it vouches for is what a reviewer looks at; all of it is in the policies. */
function known(name: string, fields: Fields): string {
  const shown = ["issuer", "account", "audiences", "clients"].filter((key) => !isEmpty(fields[key]));
  return `${name} (${shown.map((key) => `${key} ${text(fields[key])}`).join(", ")})`;
}

function changed(name: string, a: Fields, b: Fields): ProviderChange[] {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  const differ = keys.filter((key) => canonicalJson(a[key] ?? null) !== canonicalJson(b[key] ?? null));
  if (differ.length === 0) return [];
  const said = (fields: Fields): string =>
    `${name}: ${differ.map((key) => `${key} ${text(fields[key])}`).join(", ")}`;
  return [{ before: said(a), after: said(b) }];
}

function text(value: unknown): string {
  if (isEmpty(value)) return "none";
  if (typeof value === "string") return value;
  return Array.isArray(value) && value.every((one) => typeof one === "string")
    ? value.join(" ")
    : canonicalJson(value);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

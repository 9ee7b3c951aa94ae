import { sortedSet } from "../../model/canonical.ts";
import type { Service } from "../../model/types.ts";
import { canonicalHost } from "../../plan/collisions.ts";
import { routableHosts } from "./hosts.ts";

/** The TLS server names that select a passthrough service: its `tls.sni`, else its hosts. */
export function effectiveServerNames(service: Service): string[] {
  const { tls } = service.spec;
  const stated = tls.mode === "passthrough" ? tls.sni : undefined;
  return sortedSet((stated ?? routableHosts(service)).map(canonicalHost));
}

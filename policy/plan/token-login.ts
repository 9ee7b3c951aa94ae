import { sortedSet } from "../model/canonical.ts";
import type { Service } from "../model/types.ts";

/** Ports of the proxy on which a token is a password, in order. A service that does not pass the proxy has none. */
export function tokenLoginPorts(services: readonly Service[]): number[] {
  return sortedSet(
    services.flatMap((service) =>
      service.enforcement === "proxy" ? (service.spec.tokenLogin?.port ?? []) : [],
    ),
  );
}

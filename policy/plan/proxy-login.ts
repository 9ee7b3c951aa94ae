import type { Service } from "../model/types.ts";

/** True when the proxy logs in to the service for its clients, with a token of its own AWS role. */
export function proxyLogsIn(service: Service): boolean {
  return service.enforcement === "proxy" && service.spec.auth !== "none";
}

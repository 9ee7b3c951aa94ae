import { API_VERSION } from "../schema/index.ts";
import type { Caller } from "./callers.ts";
import type { ExternalDestination } from "./external.ts";
import { grantsOf } from "./grants.ts";
import { type Imported, type Job, noteOpen } from "./job.ts";
import { NOWHERE } from "./regions.ts";
import { type PortAccess, synthesize } from "./synthesize.ts";
import type { Cell } from "./today.ts";

/** An external service with its grants; undefined where it is left as it is. */
export function importExternal(job: Job, external: ExternalDestination): Imported | undefined {
  const { callers, regions, options, today } = job;
  const { name, spec, gateway, visibleIn, position } = external;
  const ports = spec.ports.map((port) => (typeof port === "number" ? port : port.port));
  const access = new Map<number, PortAccess>();
  for (const port of ports) {
    const at = gateway?.ports.get(port);
    const cellOf = (caller: Caller): Cell => {
      if (visibleIn !== undefined && !visibleIn.includes(caller.namespace))
        return { mask: NOWHERE, by: [], against: [] };
      if (gateway === undefined || at === undefined) return { mask: regions.everywhere, by: [], against: [] };
      return today.cell(gateway.at.pods, at, caller);
    };
    access.set(port, synthesize(callers, cellOf, regions, options.openAs));
  }
  const subject = `ServiceEntry for ${(spec.hosts ?? [name]).join(", ")}`;
  const open = ports.filter((port) => access.get(port)?.open === true);
  if (open.length > 0) noteOpen(job, subject, open, open.length === ports.length, position);
  if (options.openAs === "list" && open.length === ports.length) return undefined;
  return {
    name,
    service: {
      document: {
        apiVersion: API_VERSION,
        kind: "Service",
        metadata: { name },
        spec: { ...spec, ...(options.owner !== undefined && { owner: options.owner }) },
      },
      comments: [
        `from ${subject} (${position.file}:${position.line})`,
        gateway
          ? "goes through the egress gateway, as today"
          : "today pods connect to it directly; it becomes a service behind the proxy, which is where it is judged",
      ],
    },
    grants: grantsOf({
      service: name,
      ports,
      access,
      regions,
      owner: options.owner,
      describe: job.describe,
      openBecause: "nothing judges connections to it today: whoever sees the ServiceEntry reaches it",
      taken: job.grantNames,
    }),
    external,
    plaintext: false,
  };
}

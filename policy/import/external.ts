import type { Position } from "../finding.ts";
import { joinName } from "../model/names.ts";
import type { ServiceSpecInput } from "../schema/index.ts";
import { address, host } from "../schema/primitives.ts";
import { type EgressGateway, routeThroughGateway } from "./egress.ts";
import { limitsOf } from "./limits.ts";
import type { ServiceEntryObject } from "./objects.ts";
import { type PortProtocol, portProtocol } from "./protocol.ts";
import type { Estate, Placed } from "./read.ts";
import type { NoEqual } from "./types.ts";

/** A ServiceEntry for something outside of the mesh, before it is a Service of Portreeve. */
export interface ExternalDestination {
  readonly name: string;
  readonly spec: ServiceSpecInput;
  /** The port of the egress gateway's pods for each port, where it goes through one. */
  readonly gateway: { readonly at: EgressGateway; readonly ports: ReadonlyMap<number, number> } | undefined;
  /** Namespaces that see it; undefined for all. */
  readonly visibleIn: readonly string[] | undefined;
  readonly position: Position;
}

/** The external services of the folder; `ambient` has no way through an egress gateway. */
export function findExternals(
  estate: Estate,
  taken: Set<string>,
  ambient: boolean,
  noEqual: NoEqual[],
): ExternalDestination[] {
  return estate.serviceEntries.flatMap((entry) => external(entry, estate, taken, ambient, noEqual) ?? []);
}

type EntryPort = { readonly number: number; readonly targetPort?: number | null | undefined } & PortProtocol;

function external(
  entry: Placed<ServiceEntryObject>,
  estate: Estate,
  taken: Set<string>,
  ambient: boolean,
  noEqual: NoEqual[],
): ExternalDestination | undefined {
  const { spec } = entry.object;
  const subject = `ServiceEntry ${entry.namespace}/${entry.name}`;
  const note = (message: string) => noEqual.push({ subject, message, position: entry.position });
  if ((spec.location ?? "MESH_EXTERNAL") !== "MESH_EXTERNAL" || spec.workloadSelector) {
    note("it is for workloads of the mesh outside of Kubernetes Services; left as it is");
    return undefined;
  }
  const hosts = spec.hosts.filter((name) => host.safeParse(name).success);
  const ports = (spec.ports ?? []).flatMap((port): EntryPort[] => {
    const kind = portProtocol({ number: port.number, name: port.name, appProtocol: port.protocol });
    if (!kind.http) return [{ number: port.number, targetPort: port.targetPort, ...kind }];
    note(`port ${port.number} is ${port.protocol}: Portreeve judges TCP only, so the port is left out`);
    return [];
  });
  if (hosts.length === 0 || ports.length === 0) {
    if (hosts.length === 0) note(`no host of it is a DNS name (${spec.hosts.join(", ")}); left as it is`);
    return undefined;
  }
  const route = routeThroughGateway(
    hosts,
    ports.map(({ number }) => number),
    estate,
  );
  if (route && ambient) {
    note(
      "ztunnel does not read the VirtualService that routes it through the egress gateway; it becomes a service behind the proxy",
    );
  }
  const gateway = ambient ? undefined : route;
  const name = nameOf(entry, taken);
  return {
    name,
    spec: {
      protocol: sharedProtocol(ports),
      hosts,
      ports: ports.map(({ number, targetPort }) =>
        typeof targetPort === "number" && targetPort !== number ? { port: number, targetPort } : number,
      ),
      location: { type: "external", ...(gateway && { egress: "gateway" }) },
      ...addressesOf(spec, note),
      ...resolutionOf(spec, note),
      ...fromDestinationRule(hosts, ports, estate, note),
    },
    gateway,
    visibleIn: visibility(spec.exportTo, entry.namespace),
    position: entry.position,
  };
}

function nameOf(entry: Placed<ServiceEntryObject>, taken: Set<string>): string {
  const plain = entry.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  let name = joinName([plain]);
  if (taken.has(name)) name = joinName([plain, entry.namespace]);
  for (let i = 2; taken.has(name); i++) name = joinName([plain, entry.namespace, String(i)]);
  taken.add(name);
  return name;
}

/** What all ports speak, if one word says it. */
function sharedProtocol(ports: readonly PortProtocol[]): PortProtocol["protocol"] {
  const [first, ...others] = new Set(ports.map(({ protocol }) => protocol));
  return first !== undefined && others.length === 0 ? first : "tcp";
}

function addressesOf(
  spec: ServiceEntryObject["spec"],
  note: (message: string) => void,
): Pick<ServiceSpecInput, "addresses"> {
  const plain = (spec.addresses ?? []).map((text) => text.replace(/\/(32|128)$/, ""));
  const single = plain.filter((text) => address.safeParse(text).success);
  const blocks = plain.filter((text) => !single.includes(text));
  if (blocks.length > 0)
    note(`addresses ${blocks.join(", ")} are blocks: a Service has single addresses; left out`);
  return single.length > 0 ? { addresses: single } : {};
}

function resolutionOf(
  spec: ServiceEntryObject["spec"],
  note: (message: string) => void,
): Pick<ServiceSpecInput, "resolution" | "endpoints"> {
  const endpoints = (spec.endpoints ?? []).flatMap((endpoint) => endpoint.address ?? []);
  if ((spec.endpoints ?? []).some(({ ports }) => Object.keys(ports ?? {}).length > 0))
    note("ports of single endpoints are left out: a Service has one target port for a port");
  switch (spec.resolution ?? "NONE") {
    case "STATIC":
      return { resolution: "static", endpoints };
    case "NONE":
      return { resolution: "none" };
    default:
      if (endpoints.length > 0)
        note(`the host itself is looked up, and not the endpoints ${endpoints.join(", ")}`);
      return {};
  }
}

function fromDestinationRule(
  hosts: readonly string[],
  ports: readonly PortProtocol[],
  estate: Estate,
  note: (message: string) => void,
): Pick<ServiceSpecInput, "tls" | "limits" | "outlierDetection"> {
  const passthrough = ports.every(({ protocol }) => protocol === "tls");
  const rule = estate.destinationRules.find(({ object }) => hosts.includes(object.spec.host));
  if (!rule) return passthrough ? { tls: { mode: "passthrough" } } : {};
  const { limits, lost } = limitsOf(rule);
  for (const message of lost) note(`DestinationRule ${rule.namespace}/${rule.name}: ${message}`);
  const tls = rule.object.spec.trafficPolicy?.tls;
  const names = {
    ...(tls?.sni && { sni: tls.sni }),
    ...(tls?.subjectAltNames && tls.subjectAltNames.length > 0 && { subjectAltNames: tls.subjectAltNames }),
  };
  switch (tls?.mode) {
    case "SIMPLE":
      return {
        tls: { mode: "simple", ...names, ...(tls.caCertificates && { ca: tls.caCertificates }) },
        ...limits,
      };
    case "MUTUAL":
      if (!tls.credentialName)
        note("its client certificate is in files of the sidecar; name a credential of the proxy instead");
      return {
        tls: { mode: "mutual", ...names, ...(tls.credentialName && { credential: tls.credentialName }) },
        ...limits,
      };
    default:
      return { ...(passthrough && { tls: { mode: "passthrough" } }), ...limits };
  }
}

function visibility(exportTo: readonly string[] | null | undefined, home: string): string[] | undefined {
  if (!exportTo || exportTo.length === 0 || exportTo.includes("*")) return undefined;
  return exportTo.filter((text) => text !== "~").map((text) => (text === "." ? home : text));
}

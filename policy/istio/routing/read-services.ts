import ipaddr from "ipaddr.js";
import type { z } from "zod";
import { serviceProtocol } from "../consistency/protocol.ts";
import { source, statedProtocol } from "./read-routes.ts";
import type { serviceEntrySchema, serviceSchema } from "./schema.ts";
import { type Path, type Registered, UNSPECIFIED, virtualAddress } from "./world.ts";

export function readRegistered(
  { metadata, spec }: z.infer<typeof serviceSchema>,
  path: Path,
  domain: string,
): Registered[] {
  const base = source("Service", metadata, path);
  const host = `${base.name}.${base.namespace}.svc.${domain}`;
  const exportTo = metadata.annotations?.["networking.istio.io/exportTo"];
  const isAlias = spec?.type === "ExternalName";
  const headless = spec?.clusterIP === "None";
  const given = [...new Set([spec?.clusterIP ?? "", ...(spec?.clusterIPs ?? [])])].filter((ip) =>
    ipaddr.IPv4.isValid(ip),
  );
  const [address = headless || isAlias ? UNSPECIFIED : virtualAddress(host), ...moreAddresses] = given;
  return [
    {
      ...base,
      kind: "kubernetes",
      host,
      address,
      moreAddresses,
      resolution: isAlias ? "alias" : headless ? "passthrough" : "static",
      aliasOf: isAlias ? (spec?.externalName ?? undefined) : undefined,
      external: false,
      exportTo: exportTo === undefined ? [] : exportTo.split(",").map((to) => to.trim()),
      ports: (spec?.ports ?? []).map(({ name, port, protocol, appProtocol, targetPort }) => ({
        number: port,
        name: name ?? "",
        protocol:
          (protocol ?? "TCP") === "TCP"
            ? serviceProtocol(port, name ?? "", appProtocol ?? undefined)
            : "none",
        target: targetOf(targetPort, port),
      })),
      overrides: new Map(),
      labels: metadata.labels ?? {},
      selector: spec?.selector ?? undefined,
      endpoints: [],
    },
  ];
}

function targetOf(written: number | string | null | undefined, port: number): number | string {
  if (written === undefined || written === null || written === 0 || written === "") return port;
  return typeof written === "string" && /^\d+$/.test(written) ? Number(written) : written;
}

/** A row for each host and address; the registry knows it by its host, not by the object's name. */
export function readServiceEntry(
  { metadata, spec, status }: z.infer<typeof serviceEntrySchema>,
  path: Path,
  dnsCapture: boolean,
): Registered[] {
  const base = source("ServiceEntry", metadata, path);
  const common = {
    ...base,
    kind: "entry" as const,
    moreAddresses: [],
    resolution: resolutionOf(spec.resolution),
    aliasOf: undefined,
    // The API's default of `location` is outside of the mesh.
    external: spec.location !== "MESH_INTERNAL",
    exportTo: spec.exportTo ?? [],
    ports: (spec.ports ?? []).map(({ number, name, protocol, targetPort }) => ({
      number,
      name: name ?? "",
      protocol: statedProtocol(protocol),
      target: targetPort || number,
    })),
    overrides: new Map(
      (spec.ports ?? []).flatMap(({ number, targetPort }) =>
        targetPort ? [[number, targetPort] as const] : [],
      ),
    ),
    labels: metadata.labels ?? {},
    selector: spec.workloadSelector?.labels ?? undefined,
    endpoints: (spec.endpoints ?? []).map(({ address, ports, labels, serviceAccount }) => ({
      address: address ?? "",
      ports: ports ?? {},
      labels: labels ?? {},
      serviceAccount: serviceAccount || undefined,
    })),
  };
  return (spec.hosts ?? []).flatMap((host) => {
    const written = spec.addresses ?? [];
    const addresses = written.length > 0 ? written.flatMap(usable) : [automatic(host)];
    return addresses.map((address) => ({ ...common, name: host, host, address }));
  });

  function automatic(host: string): string {
    if (!dnsCapture) return UNSPECIFIED;
    const found = status?.addresses?.find(
      (one) => one.value && ipaddr.IPv4.isValid(one.value) && (one.host === host || !one.host),
    );
    return found?.value ?? UNSPECIFIED;
  }
}

/** A CIDR of one address is that address. */
function usable(address: string): string[] {
  if (ipaddr.isValid(address)) return [address];
  if (!ipaddr.isValidCIDR(address)) return [];
  const [base, bits] = ipaddr.parseCIDR(address);
  return [bits === (base.kind() === "ipv4" ? 32 : 128) ? base.toString() : address];
}

function resolutionOf(written: string | null | undefined): Registered["resolution"] {
  switch (written ?? "NONE") {
    case "STATIC":
      return "static";
    case "DNS":
    case "DNS_ROUND_ROBIN":
      return "dns";
    case "DYNAMIC_DNS":
      return "dynamic";
    default:
      return "passthrough";
  }
}

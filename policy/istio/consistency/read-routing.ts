import type { z } from "zod";
import { entryProtocol, serviceProtocol } from "./protocol.ts";
import type { destinationRuleSchema, serviceEntrySchema, serviceSchema } from "./schema.ts";
import type { DestinationRule, MeshService, Path, Source } from "./world.ts";

/** A host as istiod completes it: only a name without any dot is a Service of the object's own namespace. */
export function qualified(host: string, namespace: string, domain: string): string {
  return host.includes(".") || host === "*" ? host : `${host}.${namespace}.svc.${domain}`;
}

interface Metadata {
  readonly name: string;
  readonly namespace?: string | null | undefined;
}

function source(kind: string, { name, namespace }: Metadata, path: Path): Source {
  const at = namespace || "default";
  return { id: `${kind} ${at}/${name}`, namespace: at, name, path };
}

export function readDestinationRule(
  { metadata, spec }: z.infer<typeof destinationRuleSchema>,
  path: Path,
  domain: string,
): DestinationRule {
  const base = source("DestinationRule", metadata, path);
  const created = Date.parse(metadata.creationTimestamp ?? "");
  return {
    ...base,
    host: qualified(spec.host, base.namespace, domain),
    trafficPolicy: spec.trafficPolicy ?? undefined,
    subsets: spec.subsets ?? [],
    exportTo: spec.exportTo ?? [],
    selector: spec.workloadSelector ? (spec.workloadSelector.matchLabels ?? {}) : undefined,
    created: Number.isNaN(created) ? Number.MAX_SAFE_INTEGER : created,
  };
}

export function readService(
  { metadata, spec }: z.infer<typeof serviceSchema>,
  path: Path,
  domain: string,
): MeshService[] {
  if (spec?.type === "ExternalName") return [];
  const base = source("Service", metadata, path);
  const exportTo = metadata.annotations?.["networking.istio.io/exportTo"];
  return [
    {
      ...base,
      host: `${base.name}.${base.namespace}.svc.${domain}`,
      external: false,
      passthrough: spec?.clusterIP === "None",
      selector: spec?.selector ?? undefined,
      exportTo: exportTo === undefined ? [] : exportTo.split(",").map((to) => to.trim()),
      addresses: undefined,
      ports: (spec?.ports ?? []).flatMap(({ name, port, protocol, appProtocol, targetPort }, index) =>
        (protocol ?? "TCP") === "TCP"
          ? [
              {
                number: port,
                protocol: serviceProtocol(port, name ?? "", appProtocol ?? undefined),
                target: targetOf(targetPort, port),
                path: [...path, "spec", "ports", index],
              },
            ]
          : [],
      ),
    },
  ];
}

function targetOf(written: number | string | null | undefined, port: number): number | string {
  if (written === undefined || written === null || written === 0 || written === "") return port;
  return typeof written === "string" && /^\d+$/.test(written) ? Number(written) : written;
}

export function readEntry({ metadata, spec }: z.infer<typeof serviceEntrySchema>, path: Path): MeshService[] {
  const base = source("ServiceEntry", metadata, path);
  return spec.hosts.map((host) => ({
    ...base,
    host,
    external: spec.location !== "MESH_INTERNAL" && !hasOwnMtls(spec.endpoints ?? []),
    passthrough: spec.resolution === "NONE" || spec.resolution === undefined || spec.resolution === null,
    selector: spec.workloadSelector?.labels ?? undefined,
    exportTo: spec.exportTo ?? [],
    addresses: spec.addresses ?? [],
    ports: (spec.ports ?? []).map(({ number, protocol, targetPort }, index) => ({
      number,
      protocol: entryProtocol(protocol ?? undefined),
      target: targetPort ?? number,
      path: [...path, "spec", "ports", index],
    })),
  }));
}

/** An endpoint says by this label that it speaks Istio's mTLS, wherever it is: the gateway of another mesh, for example. */
function hasOwnMtls(
  endpoints: readonly { readonly labels?: Record<string, string> | null | undefined }[],
): boolean {
  return endpoints.some(({ labels }) => labels?.["security.istio.io/tlsMode"] === "istio");
}

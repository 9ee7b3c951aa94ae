import { canonicalHost } from "../../policy/plan/collisions.ts";
import { type Fields, fields, kubernetesObject, list, type Resource, text, texts } from "../resource.ts";

/** What the rules ask of an Istio ServiceEntry. */
export interface ServiceEntry {
  readonly resource: Resource;
  readonly id: string;
  readonly namespace: string;
  readonly spec: Fields;
  /** In one spelling. */
  readonly hosts: readonly string[];
  readonly ports: readonly { readonly number: number; readonly protocol: string; readonly name: string }[];
  readonly addresses: readonly string[];
  /** Namespaces it is shown to; `*` when it names none, which is Istio's default. */
  readonly exportTo: readonly string[];
}

/** The ServiceEntry that a resource is, if it is one. */
export function serviceEntry(resource: Resource): ServiceEntry | undefined {
  const object = kubernetesObject(resource);
  if (object?.kind !== "networking.istio.io/ServiceEntry") return undefined;
  const { spec, namespace, name } = object;
  const exportTo = texts(spec.exportTo);
  return {
    resource,
    id: `ServiceEntry ${namespace}/${name}`,
    namespace,
    spec,
    hosts: texts(spec.hosts).map(canonicalHost),
    ports: list(spec.ports)
      .map(fields)
      .map((port) => ({
        number: Number(port.number),
        protocol: text(port.protocol).toUpperCase() || "TCP",
        name: text(port.name),
      })),
    addresses: texts(spec.addresses),
    exportTo: exportTo.length === 0 ? ["*"] : exportTo.map((to) => (to === "." ? namespace : to)),
  };
}

/** Protocols whose first bytes name the host, so that Istio does not route by address. */
const NAMES_HOST: ReadonlySet<string> = new Set([
  "HTTP",
  "HTTP2",
  "HTTP_PROXY",
  "GRPC",
  "GRPC-WEB",
  "HTTPS",
  "TLS",
]);

/** True when Istio can only route the port by its destination address. */
export function isOpaque({ protocol }: { readonly protocol: string }): boolean {
  return !NAMES_HOST.has(protocol);
}

/** True when some namespace sees both. */
export function shareAudience(a: ServiceEntry, b: ServiceEntry): boolean {
  if (a.exportTo.includes("*") || b.exportTo.includes("*")) return true;
  return a.exportTo.some((namespace) => b.exportTo.includes(namespace));
}

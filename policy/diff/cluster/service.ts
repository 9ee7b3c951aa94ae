import { z } from "zod";
import type { Pod } from "../../kubernetes/reach/index.ts";
import { PROTOCOLS, type Protocol } from "../../sets/ports.ts";

/** A port of a Kubernetes Service. */
export interface KubeServicePort {
  readonly port: number;
  readonly protocol: Protocol;
  /** A number, or the name of a container port, which each pod resolves for itself. */
  readonly target: number | string;
}

/** A Kubernetes Service, as far as it says which pods and ports are behind it. */
export interface KubeService {
  readonly namespace: string;
  readonly name: string;
  /** Labels that a pod must have; `undefined` when the Service selects no pods (none written, or ExternalName). */
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly ports: readonly KubeServicePort[];
  readonly labels: Readonly<Record<string, string>>;
  /** True for types that are reached from outside of the cluster. */
  readonly exposed: boolean;
}

const port = z.number().int().min(1).max(65535);
const schema = z.object({
  spec: z
    .object({
      type: z.string().nullish(),
      selector: z
        .record(
          z.string(),
          z.preprocess((value) => value ?? "", z.string()),
        )
        .nullish(),
      ports: z
        .array(
          z.object({
            port,
            protocol: z.enum(PROTOCOLS).nullish(),
            // 0 is how old clients wrote an absent one.
            targetPort: z.union([z.literal(0), port, z.string()]).nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});

/** Reads a Service, with the API server's defaults filled in. */
export function readService(
  value: unknown,
  meta: {
    readonly namespace: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  },
): { readonly service: KubeService } | { readonly problems: readonly { path: string; message: string }[] } {
  const read = schema.safeParse(value);
  if (!read.success) {
    return {
      problems: read.error.issues.map(({ path, message }) => ({ path: path.map(String).join("."), message })),
    };
  }
  const spec = read.data.spec ?? {};
  const selector = spec.type === "ExternalName" ? {} : (spec.selector ?? {});
  return {
    service: {
      namespace: meta.namespace,
      name: meta.name,
      labels: meta.labels,
      // The endpoints controller leaves a Service without a selector to whoever makes its endpoints.
      selector: Object.keys(selector).length === 0 ? undefined : selector,
      exposed: spec.type === "LoadBalancer" || spec.type === "NodePort",
      ports: (spec.ports ?? []).map(({ port, protocol, targetPort }) => ({
        port,
        protocol: protocol ?? "TCP",
        target: targetOf(targetPort, port),
      })),
    },
  };
}

function targetOf(written: number | string | null | undefined, port: number): number | string {
  if (written === undefined || written === null || written === 0 || written === "") return port;
  return typeof written === "string" && /^\d+$/.test(written) ? Number(written) : written;
}

/** Whether the pod is behind the Service. */
export function isBehind(service: KubeService, pod: Pod): boolean {
  const { selector } = service;
  if (selector === undefined || pod.namespace !== service.namespace) return false;
  return Object.entries(selector).every(([key, value]) => pod.labels[key] === value);
}

/**
 * The port of this pod that a port of the Service leads to: kube-proxy, and the records of a headless Service, use the
 * first container port of that name and protocol. `undefined` when the pod has no port of that name: then it is not an
 * endpoint of this port.
 */
export function targetPort({ target, protocol }: KubeServicePort, pod: Pod): number | undefined {
  if (typeof target === "number") return target;
  return pod.ports.find((port) => port.name === target && port.protocol === protocol)?.port;
}

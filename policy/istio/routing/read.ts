import type { z } from "zod";
import { compareText, type Finding, formatPosition, type Position } from "../../finding.ts";
import { flatten, type Pod } from "../../kubernetes/reach/index.ts";
import { readWorld } from "../consistency/read.ts";
import type { Locate, Options } from "../consistency/world.ts";
import { readEnvoyFilter, readGateway, readSidecar, readVirtualService, source } from "./read-routes.ts";
import { readRegistered, readServiceEntry } from "./read-services.ts";
import * as schema from "./schema.ts";
import type {
  EnvoyFilter,
  Gateway,
  MeshSettings,
  Path,
  Registered,
  RoutingWorld,
  Sidecar,
  Slice,
  VirtualService,
  WorkloadEntry,
  Written,
} from "./world.ts";

export interface RoutingOptions extends Options {
  /** @default "cluster.local" */
  readonly trustDomain?: string | undefined;
  readonly trustDomainAliases?: readonly string[] | undefined;
  /** `meshConfig.outboundTrafficPolicy.mode`. @default "ALLOW_ANY" */
  readonly outbound?: MeshSettings["outbound"] | undefined;
  /** Whether clients resolve names with Istio's DNS proxy. @default false */
  readonly dnsCapture?: boolean | undefined;
}

const USE_WAYPOINT = "istio.io/use-waypoint";

/**
 * Reads ordinary Kubernetes and Istio objects, of anybody. What cannot be read is among `findings` with its position;
 * with an `error` there the world lacks an object and must not be asked.
 */
export function readRouting(
  objects: readonly unknown[],
  locate: Locate = () => undefined,
  options: RoutingOptions = {},
): RoutingWorld {
  const mesh = readWorld(objects, locate, options);
  const clusterDomain = options.clusterDomain ?? "cluster.local";
  const dnsCapture = options.dnsCapture ?? false;
  const reader = new Reader(clusterDomain, dnsCapture);
  const seen = new Map<string, { readonly value: unknown; readonly path: Path }>();
  const twice: Finding[] = [];
  for (const [index, object] of objects.entries()) {
    for (const { value, path } of flatten(object, [index])) {
      const id = idOf(value);
      const before = id === undefined ? undefined : seen.get(id);
      if (id !== undefined && before !== undefined) {
        const same = JSON.stringify(before.value) === JSON.stringify(value);
        if (!same) twice.push(definedTwice(id, locate(path), locate(before.path)));
        continue;
      }
      if (id !== undefined) seen.set(id, { value, path });
      reader.read(value, path);
    }
  }
  const podAddresses = new Map<string, Pod>();
  for (const { ip, namespace, name, labels } of reader.running) {
    const pod =
      mesh.cluster.pods.find((one) => one.workload === `${namespace}/${name}`) ??
      mesh.cluster.pods.find((one) => one.namespace === namespace && alike(one.labels, labels));
    if (pod !== undefined) podAddresses.set(ip, pod);
  }
  return {
    mesh,
    findings: [...mesh.findings, ...twice],
    settings: {
      trustDomain: options.trustDomain ?? "cluster.local",
      trustDomainAliases: options.trustDomainAliases ?? [],
      outbound: options.outbound ?? "ALLOW_ANY",
      dnsCapture,
      clusterDomain,
    },
    services: reader.services.sort(
      (a, b) => a.created - b.created || compareText(a.name, b.name) || compareText(a.namespace, b.namespace),
    ),
    virtualServices: oldestFirst(reader.virtualServices),
    sidecars: oldestFirst(reader.sidecars),
    gateways: oldestFirst(reader.gateways),
    envoyFilters: reader.envoyFilters,
    workloadEntries: reader.workloadEntries,
    slices: reader.slices,
    podAddresses,
    addressOf: new Map([...podAddresses].map(([ip, pod]) => [pod, ip])),
    waypoints: reader.waypoints,
  };
}

/** Of objects that route or guard; of workloads `readWorld` itself tells it. */
function idOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("kind" in value) || !("metadata" in value))
    return undefined;
  const version = "apiVersion" in value ? String(value.apiVersion) : "";
  const { metadata } = value;
  if (
    !/^(?:networking|security)\.istio\.io\//.test(version) &&
    !(version === "v1" && value.kind === "Service")
  ) {
    return undefined;
  }
  const named = schema.metadataSchema.safeParse(metadata);
  return named.success
    ? `${String(value.kind)} ${named.data.namespace || "default"}/${named.data.name}`
    : undefined;
}

function definedTwice(id: string, position: Position | undefined, first: Position | undefined): Finding {
  return {
    rule: "PR191",
    severity: "error",
    message: `${id} is defined twice, and differently${first ? ` (first at ${formatPosition(first)})` : ""}`,
    fix: "keep one of the two; a cluster can only hold one",
    ...(position && { position }),
  };
}

function oldestFirst<T extends Written>(objects: readonly T[]): T[] {
  return objects.toSorted(
    (a, b) => a.created - b.created || compareText(a.name, b.name) || compareText(a.namespace, b.namespace),
  );
}

function alike(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

interface Running {
  readonly ip: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What is not of the right shape is passed over here: `readWorld` and `portreeve validate` tell it. */
class Reader {
  readonly services: Registered[] = [];
  readonly virtualServices: VirtualService[] = [];
  readonly sidecars: Sidecar[] = [];
  readonly gateways: Gateway[] = [];
  readonly envoyFilters: EnvoyFilter[] = [];
  readonly workloadEntries: WorkloadEntry[] = [];
  readonly slices: Slice[] = [];
  readonly running: Running[] = [];
  readonly waypoints = new Map<string, string>();
  readonly #domain: string;
  readonly #dnsCapture: boolean;

  constructor(domain: string, dnsCapture: boolean) {
    this.#domain = domain;
    this.#dnsCapture = dnsCapture;
  }

  read(value: unknown, path: Path): void {
    if (typeof value !== "object" || value === null || !("kind" in value)) return;
    const version = "apiVersion" in value ? String(value.apiVersion) : "";
    const domain = this.#domain;
    switch (`${version.replace(/\/[^/]*$/, "")} ${String(value.kind)}`) {
      case "networking.istio.io ServiceEntry":
        use(schema.serviceEntrySchema, value, (entry) =>
          this.services.push(...readServiceEntry(entry, path, this.#dnsCapture)),
        );
        break;
      case "networking.istio.io VirtualService":
        use(schema.virtualServiceSchema, value, (read) =>
          this.virtualServices.push(readVirtualService(read, path, domain)),
        );
        break;
      case "networking.istio.io Sidecar":
        use(schema.sidecarSchema, value, (read) => this.sidecars.push(readSidecar(read, path)));
        break;
      case "networking.istio.io Gateway":
        use(schema.gatewaySchema, value, (read) => this.gateways.push(readGateway(read, path)));
        break;
      case "networking.istio.io EnvoyFilter":
        use(schema.envoyFilterSchema, value, (read) => this.envoyFilters.push(readEnvoyFilter(read, path)));
        break;
      case "networking.istio.io WorkloadEntry":
        use(schema.workloadEntrySchema, value, ({ metadata, spec }) => {
          const labels = { ...metadata.labels, ...spec.labels };
          const { address, ports, serviceAccount } = spec;
          const endpoint = {
            address: address ?? "",
            ports: ports ?? {},
            labels,
            serviceAccount: serviceAccount ?? undefined,
          };
          this.workloadEntries.push({ ...source("WorkloadEntry", metadata, path), labels, endpoint });
        });
        break;
      case "v1 Service":
        use(schema.serviceSchema, value, (service) => {
          this.services.push(...readRegistered(service, path, domain));
          this.#waypoint(
            `${service.metadata.namespace ?? "default"}/${service.metadata.name}`,
            service.metadata.labels,
          );
        });
        break;
      case "discovery.k8s.io EndpointSlice":
        use(schema.endpointSliceSchema, value, ({ metadata, endpoints, ports }) => {
          const service = metadata.labels?.["kubernetes.io/service-name"];
          if (service === undefined) return;
          this.slices.push({
            namespace: metadata.namespace ?? "default",
            service,
            addresses: (endpoints ?? []).flatMap(({ addresses }) => addresses ?? []),
            ports: (ports ?? []).flatMap(({ name, port }) => (port ? [{ name: name ?? "", port }] : [])),
          });
        });
        break;
      case "v1 Pod":
        use(schema.podSchema, value, ({ metadata, status }) => {
          const { name, namespace, labels } = metadata;
          // One that has ended keeps its address in the object, and in the cluster another pod may have it by now.
          if (!status?.podIP || status.phase === "Succeeded" || status.phase === "Failed") return;
          this.running.push({
            ip: status.podIP,
            namespace: namespace ?? "default",
            name,
            labels: labels ?? {},
          });
        });
        break;
      case "v1 Namespace":
        use(schema.podSchema.pick({ metadata: true }), value, ({ metadata }) => {
          this.#waypoint(metadata.name, metadata.labels);
        });
        break;
    }
  }

  #waypoint(name: string, labels: Readonly<Record<string, string>> | null | undefined): void {
    const waypoint = labels?.[USE_WAYPOINT];
    if (waypoint !== undefined) this.waypoints.set(name, waypoint);
  }
}

function use<T extends z.ZodType>(shape: T, value: unknown, take: (read: z.infer<T>) => void): void {
  const read = shape.safeParse(value);
  if (read.success) take(read.data);
}

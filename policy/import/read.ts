import type { z } from "zod";
import { type Finding, PolicyError, type Position } from "../finding.ts";
import { parseSecurityPolicy } from "../istio/authorization/index.ts";
import type { SecurityPolicy } from "../istio/objects.ts";
import { type Cluster, flatten, readCluster } from "../kubernetes/reach/index.ts";
import {
  type DestinationRuleObject,
  destinationRule,
  type GatewayObject,
  gateway,
  type KubeServiceObject,
  kubeService,
  type ServiceEntryObject,
  serviceEntry,
  type VirtualServiceObject,
  virtualService,
} from "./objects.ts";
import type { ImportSource, NoEqual } from "./types.ts";

/** An object and where it is written. */
export interface Placed<T> {
  readonly object: T;
  readonly namespace: string;
  readonly name: string;
  readonly position: Position;
}

/** Everything in the folder that access depends on. */
export interface Estate {
  readonly cluster: Cluster;
  readonly security: readonly SecurityPolicy[];
  readonly services: readonly Placed<KubeServiceObject>[];
  readonly serviceEntries: readonly Placed<ServiceEntryObject>[];
  readonly destinationRules: readonly Placed<DestinationRuleObject>[];
  readonly virtualServices: readonly Placed<VirtualServiceObject>[];
  readonly gateways: readonly Placed<GatewayObject>[];
  /** Kinds that play a part and are not read. */
  readonly noEqual: readonly NoEqual[];
  readonly warnings: readonly Finding[];
  /** Where a rule of a policy is written; `policy` is `namespace/name`. */
  positionOfRule(policy: string, rule: number): Position | undefined;
}

/** Kinds that change who reaches what, or how, and that have no equal; what becomes of them. */
const UNREAD: Readonly<Record<string, string>> = {
  Sidecar: "Portreeve writes Sidecar scopes of its own from the grants; it never decided who is let in",
  EnvoyFilter: "what it does to a connection is not read: look at each one",
  RequestAuthentication: "it is about HTTP requests; keep it",
  WorkloadEntry: "workloads outside of the cluster are not imported; keep it",
  WorkloadGroup: "workloads outside of the cluster are not imported; keep it",
  TCPRoute: "routes of the Gateway API are not imported; keep it",
  TLSRoute: "routes of the Gateway API are not imported; keep it",
  HTTPRoute: "routes of the Gateway API are not imported; keep it",
  Ingress: "entry from outside is not imported; keep it",
};

/**
 * Reads the objects of a folder.
 *
 * @throws PolicyError when one that matters cannot be read: half of the policies would give another verdict.
 */
export function readEstate(source: ImportSource): Estate {
  const { cluster, problems } = readCluster(source.objects);
  const findings: Finding[] = problems.map(({ path, ...problem }) => ({
    ...problem,
    position: source.positionOf(path),
  }));
  const security: SecurityPolicy[] = [];
  const paths = new Map<string, readonly (string | number)[]>();
  const noEqual: NoEqual[] = [];
  const items = source.objects.flatMap((object, i) => [...flatten(object, [i])]);

  const refuse = (kind: string, path: readonly PropertyKey[], message: string) =>
    findings.push({
      rule: "PR190",
      severity: "error",
      message: `${kind}: ${message}`,
      position: source.positionOf(path),
    });
  const read = <T extends z.ZodType<{ metadata: { name: string; namespace?: string | null | undefined } }>>(
    kind: string,
    group: RegExp,
    schema: T,
  ): Placed<z.infer<T>>[] =>
    items.flatMap(({ value, path }) => {
      if (kindOf(value) !== kind || !group.test(apiVersionOf(value))) return [];
      const result = schema.safeParse(value);
      if (!result.success) {
        for (const issue of result.error.issues) {
          refuse(kind, [...path, ...issue.path], `${issue.path.join(".")}: ${issue.message}`);
        }
        return [];
      }
      const { name, namespace } = result.data.metadata;
      return [
        { object: result.data, name, namespace: namespace ?? "default", position: source.positionOf(path) },
      ];
    });

  for (const { value, path } of items) {
    const kind = kindOf(value);
    if (/^security\.istio\.io\//.test(apiVersionOf(value)) && SECURITY.has(kind)) {
      const parsed = parseSecurityPolicy(value);
      if ("problems" in parsed) {
        for (const { path: at, message } of parsed.problems) refuse(kind, path, `${at}: ${message}`);
        continue;
      }
      const { name, namespace = "default" } = parsed.policy.metadata;
      const key = `${kind} ${namespace}/${name}`;
      if (paths.has(key)) refuse(kind, path, `${namespace}/${name} is defined twice; keep one of the two`);
      paths.set(key, path);
      security.push(parsed.policy);
    } else if (UNREAD[kind] !== undefined && /\.(istio|k8s)\.io\//.test(apiVersionOf(value))) {
      noEqual.push({
        subject: `${kind} ${idOf(value)}`,
        message: UNREAD[kind],
        position: source.positionOf(path),
      });
    }
  }
  const networking = /^networking\.istio\.io\//;
  const estate = {
    cluster,
    security,
    services: read("Service", /^v1$/, kubeService),
    serviceEntries: read("ServiceEntry", networking, serviceEntry),
    destinationRules: read("DestinationRule", networking, destinationRule),
    virtualServices: read("VirtualService", networking, virtualService),
    gateways: read("Gateway", networking, gateway),
    noEqual,
    warnings: findings.filter(({ severity }) => severity !== "error"),
    positionOfRule: (policy: string, rule: number) => {
      const path = paths.get(`AuthorizationPolicy ${policy}`) ?? paths.get(`PeerAuthentication ${policy}`);
      return path && source.positionOf(rule < 0 ? path : [...path, "spec", "rules", rule]);
    },
  };
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors);
  return estate;
}

const SECURITY: ReadonlySet<string> = new Set(["AuthorizationPolicy", "PeerAuthentication"]);

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && key in value ? Reflect.get(value, key) : undefined;
}

function kindOf(value: unknown): string {
  return String(field(value, "kind") ?? "");
}

function apiVersionOf(value: unknown): string {
  return String(field(value, "apiVersion") ?? "");
}

function idOf(value: unknown): string {
  const metadata = field(value, "metadata");
  return `${field(metadata, "namespace") ?? "default"}/${field(metadata, "name") ?? ""}`;
}

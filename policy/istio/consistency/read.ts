import type { z } from "zod";
import type { Finding } from "../../finding.ts";
import { flatten, type Labels, readCluster } from "../../kubernetes/reach/index.ts";
import { parseSecurityPolicy } from "../authorization/index.ts";
import { nameOf } from "../authorization/select.ts";
import type { AuthorizationPolicy, PeerAuthentication } from "../objects.ts";
import { qualified, readDestinationRule, readEntry, readService } from "./read-routing.ts";
import {
  destinationRuleSchema,
  gatewaySchema,
  serviceEntrySchema,
  serviceSchema,
  virtualServiceSchema,
} from "./schema.ts";
import type { DestinationRule, Locate, MeshService, Options, Path, World } from "./world.ts";

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads ordinary Kubernetes and Istio objects. One that cannot be read is a finding, and is missing from the world: with
 * an `error` among the findings, conflicts may stay unseen.
 */
export function readWorld(objects: readonly unknown[], locate: Locate, options: Options = {}): World {
  const reader = new Reader(locate, options.clusterDomain ?? "cluster.local");
  for (const [index, object] of objects.entries()) {
    for (const { value, path } of flatten(object, [index])) {
      if (isFields(value)) reader.read(value, path);
    }
  }
  const { cluster, problems } = readCluster(objects);
  for (const { path, ...problem } of problems) {
    // That a pod is on the host network, or a policy of another product is there, is not told a second time.
    if (problem.severity === "error") reader.tell(problem, path);
  }
  return {
    ...reader.world(),
    cluster,
    rootNamespace: options.rootNamespace ?? "istio-system",
    dataplane: options.dataplane,
    locate,
  };
}

class Reader {
  readonly #rules: DestinationRule[] = [];
  readonly #services: MeshService[] = [];
  readonly #peers: PeerAuthentication[] = [];
  readonly #authorizations: AuthorizationPolicy[] = [];
  readonly #policyPaths = new Map<string, Path>();
  readonly #podPaths = new Map<string, Path>();
  readonly #gatewaySelectors: Labels[] = [];
  readonly #routedSubsets = new Set<string>();
  readonly #httpRoutedPorts = new Set<string>();
  readonly #findings: Finding[] = [];
  readonly #locate: Locate;
  readonly #domain: string;

  constructor(locate: Locate, domain: string) {
    this.#locate = locate;
    this.#domain = domain;
  }

  read(value: Fields, path: Path): void {
    const group = String(value["apiVersion"] ?? "").replace(/\/[^/]*$/, "");
    switch (`${group} ${String(value["kind"])}`) {
      case "networking.istio.io DestinationRule":
        this.#parse(destinationRuleSchema, value, path, (parsed) => {
          this.#rules.push(readDestinationRule(parsed, path, this.#domain));
        });
        break;
      case "networking.istio.io ServiceEntry":
        this.#parse(serviceEntrySchema, value, path, (parsed) => {
          this.#services.push(...readEntry(parsed, path));
        });
        break;
      case "networking.istio.io VirtualService":
        this.#parse(virtualServiceSchema, value, path, ({ metadata, spec }) => {
          const routes = [...(spec.tcp ?? []), ...(spec.tls ?? []), ...(spec.http ?? [])];
          for (const { destination } of routes.flatMap(({ route }) => route ?? [])) {
            if (!destination?.subset) continue;
            const host = qualified(destination.host, metadata.namespace ?? "default", this.#domain);
            this.#routedSubsets.add(`${host}|${destination.subset}`);
          }
          for (const { destination } of (spec.http ?? []).flatMap(({ route }) => route ?? [])) {
            const host = qualified(destination?.host ?? "", metadata.namespace ?? "default", this.#domain);
            if (destination?.port?.number) this.#httpRoutedPorts.add(`${host}|${destination.port.number}`);
          }
        });
        break;
      case "networking.istio.io Gateway":
        this.#parse(gatewaySchema, value, path, ({ spec }) => {
          if (spec.selector && Object.keys(spec.selector).length > 0)
            this.#gatewaySelectors.push(spec.selector);
        });
        break;
      case "security.istio.io PeerAuthentication":
      case "security.istio.io AuthorizationPolicy":
        this.#securityPolicy(value, path);
        break;
      case "v1 Service":
        this.#parse(serviceSchema, value, path, (parsed) => {
          this.#services.push(...readService(parsed, path, this.#domain));
        });
        break;
      default:
        this.#workload(value, path);
    }
  }

  tell(problem: Omit<Finding, "position">, path: Path): void {
    const position = this.#locate(path);
    this.#findings.push({ ...problem, ...(position && { position }) });
  }

  world(): Omit<World, "cluster" | "rootNamespace" | "dataplane" | "locate"> {
    return {
      rules: this.#rules,
      services: this.#services,
      peers: this.#peers,
      authorizations: this.#authorizations,
      policyPaths: this.#policyPaths,
      podPaths: this.#podPaths,
      gatewaySelectors: this.#gatewaySelectors,
      routedSubsets: this.#routedSubsets,
      httpRoutedPorts: this.#httpRoutedPorts,
      findings: this.#findings,
    };
  }

  #parse<T extends z.ZodType>(schema: T, value: Fields, path: Path, use: (parsed: z.infer<T>) => void): void {
    const result = schema.safeParse(value);
    if (result.success) {
      use(result.data);
      return;
    }
    for (const issue of result.error.issues) {
      const steps = issue.path.filter((step) => typeof step !== "symbol");
      this.#unreadable(value, steps.join("."), issue.message, [...path, ...steps]);
    }
  }

  #securityPolicy(value: Fields, path: Path): void {
    const read = parseSecurityPolicy(value);
    if ("problems" in read) {
      for (const problem of read.problems) this.#unreadable(value, problem.path, problem.message, path);
      return;
    }
    const { policy } = read;
    this.#policyPaths.set(`${policy.kind} ${nameOf(policy)}`, path);
    if (policy.kind === "PeerAuthentication") this.#peers.push(policy);
    else this.#authorizations.push(policy);
  }

  #unreadable(value: Fields, at: string, reason: string, path: Path): void {
    const message = `${String(value["kind"])}: ${at}: ${reason}`;
    this.tell({ rule: "PR190", severity: "error", message }, path);
  }

  #workload(value: Fields, path: Path): void {
    const { metadata } = value;
    if (!isFields(metadata) || typeof metadata["name"] !== "string") return;
    const name = `${String(metadata["namespace"] ?? "default")}/${metadata["name"]}`;
    // A Deployment is written before what it owns: the first object of a name stands for the workload.
    if (!this.#podPaths.has(name) && isFields(value["spec"])) this.#podPaths.set(name, path);
  }
}

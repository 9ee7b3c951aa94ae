import type { z } from "zod";
import type { Cluster, Labels, NetworkPolicy, Pod } from "./cluster.ts";
import { flatten, isObject, type RawObject, type Role, roleOf } from "./kinds.ts";
import { type Controller, topmostOwner } from "./owner.ts";
import { type PodMetadata, toNetworkPolicy, toPod } from "./parse.ts";
import { formatPath, type Problem } from "./problem.ts";
import {
  metadataSchema,
  networkPolicySpecSchema,
  type PodSpec,
  podSpecSchema,
  podTemplateSchema,
} from "./schema.ts";

/** The label that the API server itself puts on every namespace. */
const NAMESPACE_NAME = "kubernetes.io/metadata.name";

type Path = readonly (string | number)[];

/** An object that has passed the checks common to all kinds. */
interface Item {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly controller: Controller | undefined;
  readonly role: Role;
  readonly object: RawObject;
  readonly path: Path;
}

/**
 * Reads Kubernetes objects, in any order, `List` objects too. Kinds that say nothing on reachability are passed over.
 * Where there is a problem of severity `error` the cluster lacks the object concerned, and must not be trusted.
 */
export function readCluster(objects: readonly unknown[]): { cluster: Cluster; problems: readonly Problem[] } {
  const reader = new Reader();
  for (const [i, object] of objects.entries()) {
    for (const { value, path } of flatten(object, [i])) reader.identify(value, path);
  }
  return { cluster: reader.cluster(), problems: reader.problems };
}

class Reader {
  readonly problems: Problem[] = [];
  readonly #items = new Map<string, Item>();

  /** Checks what all kinds share, and keeps the object if it matters. */
  identify(value: unknown, path: Path): void {
    if (!isObject(value) || typeof value.kind !== "string") {
      const fix = 'write an object with "kind", "apiVersion" and "metadata"';
      this.problems.push({ rule: "PR190", severity: "error", message: "not a Kubernetes object", fix, path });
      return;
    }
    const role = roleOf(value);
    if (role === undefined) return;
    const metadata = this.#check(
      metadataSchema,
      value.metadata ?? {},
      value.kind,
      [...path, "metadata"],
      path,
    );
    if (metadata === undefined) return;
    const kind = value.kind;
    const { name } = metadata;
    const namespace = metadata.namespace || "default";
    const clusterWide = role.type === "namespace" || (role.type === "other policy" && !metadata.namespace);
    const id = clusterWide ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
    // As in Kubernetes, one owner at most is the controller; others only keep an object from being collected.
    const controller = metadata.ownerReferences?.find((reference) => reference.controller === true);
    const labels = metadata.labels ?? {};
    const annotations = metadata.annotations ?? {};
    this.#keep({ id, kind, name, namespace, labels, annotations, controller, role, object: value, path });
  }

  #keep(item: Item): void {
    const { id, role, path } = item;
    if (role.type === "other policy") {
      const message = `${id} is not evaluated: the answer is that of Kubernetes NetworkPolicy alone`;
      this.problems.push({ rule: "PR192", severity: "warning", message, object: id, path });
      return;
    }
    const before = this.#items.get(id);
    if (before !== undefined && JSON.stringify(before.object) !== JSON.stringify(item.object)) {
      const message = `${id} is defined twice, and differently`;
      const fix = "keep one of the two; a cluster can only hold one";
      this.problems.push({ rule: "PR191", severity: "error", message, fix, object: id, path });
    }
    this.#items.set(id, item);
  }

  cluster(): Cluster {
    const namespaces = new Map<string, Labels>();
    const declared = new Set<string>();
    const pods: Pod[] = [];
    const policies: NetworkPolicy[] = [];
    for (const item of this.#items.values()) {
      switch (item.role.type) {
        case "namespace":
          namespaces.set(item.name, { ...item.labels, [NAMESPACE_NAME]: item.name });
          declared.add(item.name);
          break;
        case "pod": {
          const spec = this.#part(podSpecSchema, item, ["spec"]);
          if (spec !== undefined) pods.push(this.#pod(item, item, spec));
          break;
        }
        case "workload": {
          const pod = this.#template(item, item.role);
          if (pod !== undefined) pods.push(pod);
          break;
        }
        case "policy": {
          const spec = this.#part(networkPolicySpecSchema, item, ["spec"]);
          if (spec === undefined) break;
          const { policy, problems } = toNetworkPolicy(item.namespace, item.name, spec);
          policies.push(policy);
          for (const { path, message } of problems) {
            const where = [...item.path, "spec", ...path];
            this.problems.push({
              rule: "PR190",
              severity: "warning",
              message: `${item.id}: ${message}`,
              path: where,
            });
          }
          break;
        }
        case "other policy":
          break;
      }
    }
    for (const { namespace } of [...pods, ...policies]) {
      if (!namespaces.has(namespace)) namespaces.set(namespace, { [NAMESPACE_NAME]: namespace });
    }
    return { namespaces, declared, pods, policies };
  }

  #template(item: Item, role: Extract<Role, { type: "workload" }>): Pod | undefined {
    // A Deployment keeps its old ReplicaSets at zero replicas, a CronJob its finished Jobs: they have no pods.
    const spec = item.object.spec;
    const retired = isObject(spec) && (spec.replicas === 0 || spec.parallelism === 0);
    if (item.controller !== undefined && retired) return undefined;
    const template = this.#part(podTemplateSchema, item, role.template, role.templateOptional);
    return template && this.#pod(item, template.metadata ?? {}, template.spec ?? {});
  }

  #pod(item: Item, metadata: PodMetadata, spec: PodSpec): Pod {
    const owner = topmostOwner(item.kind, item.name, (kind, name) =>
      kind === item.kind && name === item.name
        ? item.controller
        : this.#items.get(`${kind}/${item.namespace}/${name}`)?.controller,
    );
    if (spec.hostNetwork) {
      const message = `${item.id} is on the host network: most network plugins apply no NetworkPolicy to it`;
      this.problems.push({ rule: "PR193", severity: "warning", message, object: item.id, path: item.path });
    }
    return toPod(`${item.namespace}/${owner}`, item.namespace, metadata, spec);
  }

  /** The part of an object at `path`, checked; `undefined` after a problem, or where an optional part is absent. */
  #part<T extends z.ZodType>(schema: T, item: Item, path: Path, optional = false): z.infer<T> | undefined {
    const value = path.reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), item.object);
    if (optional && (value === undefined || value === null)) return undefined;
    return this.#check(schema, value, item.id, [...item.path, ...path], item.path);
  }

  #check<T extends z.ZodType>(
    schema: T,
    value: unknown,
    id: string,
    path: Path,
    objectPath: Path,
  ): z.infer<T> | undefined {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const where = [...path, ...issue.path.filter((step) => typeof step !== "symbol")];
      const message = `${id}: ${formatPath(where.slice(objectPath.length))}: ${issue.message}`;
      this.problems.push({ rule: "PR190", severity: "error", message, object: id, path: where });
    }
    return undefined;
  }
}

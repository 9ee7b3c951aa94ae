/**
 * Stands in for the Kubernetes provider where the real one cannot be had: renders YAML to a folder, or applies
 * server-side to a real API server. Unlike the real one it does not wait for a Deployment or a Service to become ready
 * (the tests' clusters have no kubelet), and it knows no Helm, ConfigFile, Patch resources or invokes.
 */
import { createHash } from "node:crypto";
import { KubeClient, KubeError, type KubeObject, type ObjectRef } from "../../cluster/kube-client.ts";

import type { Difference } from "../provider/diff.ts";
import type { Created, Resource, StandIn } from "../provider/provider.ts";
import { at, hasUnknown, type Props, textAt, UNKNOWN } from "../provider/values.ts";
import { mustReplace } from "./immutable.ts";
import { inputsOf, outputsOf, refreshed } from "./live.ts";
import { remove, write } from "./render.ts";

type Target =
  | { readonly kind: "folder"; readonly folder: string }
  | { readonly kind: "cluster"; readonly client: KubeClient };

/** Marks a name that nobody chose, so that a replacement may exist beside the old object. */
const AUTONAMED = "pulumi.com/autonamed";

const asObject = (props: Props): KubeObject => props as unknown as KubeObject;
const asProps = (object: KubeObject): Props => object as unknown as Props;

/** One owner a resource, the same in every run: server-side apply removes what this owner no longer sends. */
const managerOf = (resource: Resource): string =>
  `pulumi-kubernetes-${createHash("sha256").update(resource.urn).digest("hex").slice(0, 8)}`;

const idOf = (object: Props): string => {
  const [namespace, name] = [
    textAt(object, "metadata", "namespace"),
    textAt(object, "metadata", "name") ?? "",
  ];
  return namespace === undefined ? name : `${namespace}/${name}`;
};

export class KubernetesStandIn implements StandIn {
  readonly name = "kubernetes";
  readonly version = "4.34.2";
  readonly settings = ["kubeconfig", "context", "namespace", "renderYamlToDirectory"];
  #target: Target | undefined;
  #namespace = "default";

  configure(config: Props): void {
    const folder = textAt(config, "renderYamlToDirectory");
    this.#namespace = textAt(config, "namespace") ?? "default";
    if (folder !== undefined && folder !== "") {
      this.#target = { kind: "folder", folder };
      return;
    }
    const kubeconfig = textAt(config, "kubeconfig") || process.env.KUBECONFIG;
    if (kubeconfig === UNKNOWN) return;
    if (kubeconfig === undefined || kubeconfig === "") {
      throw new Error(
        "give the provider a kubeconfig or renderYamlToDirectory: this stand-in takes no default cluster",
      );
    }
    this.#target = {
      kind: "cluster",
      client: KubeClient.fromKubeconfig(kubeconfig, textAt(config, "context")),
    };
  }

  async check(resource: Resource, now: Props, old: Props, seed: string): Promise<Props> {
    if (
      typeof now.apiVersion !== "string" ||
      typeof now.kind !== "string" ||
      resource.type.endsWith("Patch")
    ) {
      throw new Error(`${resource.type} is not written: only whole Kubernetes objects are`);
    }
    const metadata = { ...(at(now, "metadata") as Props | undefined) };
    if (metadata.name === undefined) {
      const before =
        at(old, "metadata", "annotations", AUTONAMED) === "true"
          ? textAt(old, "metadata", "name")
          : undefined;
      metadata.name = before ?? `${resource.name}-${seed}`;
      metadata.annotations = { ...(metadata.annotations as Props | undefined), [AUTONAMED]: "true" };
    }
    if (metadata.namespace === undefined && this.#target?.kind === "cluster") {
      if (await namespacedIn(this.#target.client, now)) metadata.namespace = this.#namespace;
    }
    return { ...now, metadata };
  }

  replaces(_resource: Resource, difference: Difference, old: Props): boolean {
    return mustReplace(difference, old);
  }

  deleteFirst(_resource: Resource, now: Props, old: Props): boolean {
    return at(now, "metadata", "annotations", AUTONAMED) !== "true" && idOf(now) === idOf(old);
  }

  async previewCreate(resource: Resource, inputs: Props): Promise<Props> {
    await this.#wouldTake(resource, inputs);
    return inputs;
  }

  async previewUpdate(resource: Resource, _id: string, inputs: Props): Promise<Props> {
    return this.previewCreate(resource, inputs);
  }

  async create(resource: Resource, inputs: Props): Promise<Created> {
    const outputs = await this.#put(resource, inputs);
    return { id: idOf(outputs), outputs };
  }

  async update(resource: Resource, _id: string, inputs: Props): Promise<Props> {
    return this.#put(resource, inputs);
  }

  async read(_resource: Resource, id: string, outputs: Props, inputs: Props) {
    const target = this.#needed();
    if (target.kind === "folder") return { outputs, inputs };
    const live = await target.client.get(refOf(Object.keys(inputs).length > 0 ? inputs : outputs, id));
    if (live === undefined) return undefined;
    const now = asProps(live);
    const imported = Object.keys(inputs).length === 0;
    return { outputs: outputsOf(now), inputs: imported ? inputsOf(now) : refreshed(inputs, now) };
  }

  async delete(_resource: Resource, id: string, outputs: Props, timeoutSeconds: number): Promise<void> {
    const target = this.#needed();
    if (target.kind === "folder") remove(target.folder, outputs);
    else await target.client.delete(refOf(outputs, id), timeoutSeconds);
  }

  async invoke(token: string): Promise<Props> {
    throw new Error(`the function ${token} is not written`);
  }

  async #put(resource: Resource, inputs: Props): Promise<Props> {
    const target = this.#needed();
    if (target.kind === "folder") {
      write(target.folder, inputs);
      return inputs;
    }
    // Not forced: a field that somebody else owns is a conflict to be told, not to be won.
    const options = { fieldManager: managerOf(resource), force: false };
    return outputsOf(asProps(await target.client.apply(asObject(inputs), options)));
  }

  /** Asks the API server to refuse now, in the preview, what it would refuse later. */
  async #wouldTake(resource: Resource, inputs: Props): Promise<void> {
    if (this.#target?.kind !== "cluster" || hasUnknown(inputs)) return;
    const { client } = this.#target;
    const options = { fieldManager: managerOf(resource), dryRun: true, force: false };
    try {
      await client.apply(asObject(inputs), options);
    } catch (error) {
      if (!(error instanceof KubeError) || error.code !== 404) throw error;
      // Its kind may be defined by this very update: then there is nothing to check it against yet.
      if (error.reason === "NoKindMatch") return;
      // Its namespace may be made by this very update: then its content is checked in one that is there.
      const elsewhere = { ...inputs, metadata: { ...(inputs.metadata as Props), namespace: "default" } };
      await client.apply(asObject(elsewhere), { ...options, force: true });
    }
  }

  #needed(): Target {
    if (this.#target === undefined) throw new Error("the provider's kubeconfig is not known yet");
    return this.#target;
  }
}

/** Kinds the server does not know yet are taken to be in a namespace, as most custom resources are. */
async function namespacedIn(client: KubeClient, object: Props): Promise<boolean> {
  try {
    return await client.namespaced(String(object.apiVersion), String(object.kind));
  } catch (error) {
    if (error instanceof KubeError && error.code === 404) return true;
    throw error;
  }
}

function refOf(object: Props, id: string): ObjectRef {
  const [apiVersion, kind] = [textAt(object, "apiVersion"), textAt(object, "kind")];
  if (apiVersion === undefined || kind === undefined) {
    throw new Error(`cannot import ${id}: this stand-in needs the object's apiVersion and kind in the state`);
  }
  const parts = id.split("/");
  const [namespace, name = id] = parts.length === 2 ? parts : [undefined, id];
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) } };
}

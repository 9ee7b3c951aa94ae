/** A small client of the Kubernetes API for plain objects: apply, get, list, delete, over https. */
import { Agent, request as httpsRequest } from "node:https";
import { setTimeout as wait } from "node:timers/promises";
import { type Access, readKubeconfig } from "./kubeconfig.ts";

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

/** What names one object. */
export type ObjectRef = Pick<KubeObject, "apiVersion" | "kind"> & {
  readonly metadata: { readonly name: string; readonly namespace?: string };
};

export interface ApplyOptions {
  /** @default "portreeve-test" */
  readonly fieldManager?: string;
  /** Everything but storing it: schema, CEL, admission webhooks. */
  readonly dryRun?: boolean;
  /** Take fields over from other field managers. @default true */
  readonly force?: boolean;
}

/** The API server's refusal. */
export class KubeError extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.name = "KubeError";
    this.code = code;
    this.reason = reason;
  }
}

interface ApiResource {
  readonly plural: string;
  readonly namespaced: boolean;
}

const POLL_MS = 50;

export class KubeClient {
  readonly access: Access;
  readonly #agent: Agent;
  readonly #resources = new Map<string, Promise<Map<string, ApiResource>>>();

  constructor(access: Access) {
    this.access = access;
    this.#agent = new Agent({ keepAlive: true, ...access });
  }

  static fromKubeconfig(source: string, context?: string): KubeClient {
    return new KubeClient(readKubeconfig(source, context));
  }

  /** Closes the idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  /** One request; the answer is parsed JSON (or text where the server sends no JSON). */
  async request(
    method: string,
    path: string,
    body?: unknown,
    contentType = "application/json",
  ): Promise<unknown> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpsRequest(
        new URL(path, this.access.server),
        {
          method,
          agent: this.#agent,
          headers: {
            accept: "application/json",
            ...(this.access.token && { authorization: `Bearer ${this.access.token}` }),
            ...(payload && { "content-type": contentType, "content-length": Buffer.byteLength(payload) }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
          });
        },
      );
      request.on("error", reject);
      request.end(payload);
    });
    const answer = parse(text);
    if (status >= 300) {
      const { reason, message } = (typeof answer === "object" ? answer : {}) as {
        reason?: string;
        message?: string;
      };
      throw new KubeError(
        status,
        reason ?? "",
        message ?? `${method} ${path}: HTTP ${status} ${text.slice(0, 300)}`,
      );
    }
    return answer;
  }

  /** Does this kind live in a namespace? Asked of the server, so custom resources work like built-in ones. */
  async namespaced(apiVersion: string, kind: string): Promise<boolean> {
    return (await this.#resource(apiVersion, kind)).namespaced;
  }

  /** Server-side apply: creates or changes the object, and owns exactly the fields that are given. */
  async apply(object: KubeObject, options: ApplyOptions = {}): Promise<KubeObject> {
    const query = new URLSearchParams({
      fieldManager: options.fieldManager ?? "portreeve-test",
      force: String(options.force ?? true),
      // An unknown field is a mistake, not something to drop with a warning.
      fieldValidation: "Strict",
      ...(options.dryRun && { dryRun: "All" }),
    });
    const path = `${await this.#path(object)}?${query}`;
    return (await this.request("PATCH", path, object, "application/apply-patch+yaml")) as KubeObject;
  }

  /** Would the API server take this object? Throws {@link KubeError} when not; stores nothing. */
  async dryRun(object: KubeObject): Promise<KubeObject> {
    return this.apply(object, { dryRun: true });
  }

  async get(ref: ObjectRef): Promise<KubeObject | undefined> {
    try {
      return (await this.request("GET", await this.#path(ref))) as KubeObject;
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return undefined;
      throw error;
    }
  }

  async list(apiVersion: string, kind: string, namespace?: string): Promise<KubeObject[]> {
    const { plural } = await this.#resource(apiVersion, kind);
    const within = namespace === undefined ? "" : `namespaces/${namespace}/`;
    const answer = (await this.request("GET", `${base(apiVersion)}/${within}${plural}`)) as {
      items: KubeObject[];
    };
    return answer.items.map((item) => ({ ...item, apiVersion, kind }));
  }

  /** Replaces parts of the status, as a controller or kubelet would: there is none here. */
  async patchStatus(ref: ObjectRef, status: unknown): Promise<void> {
    await this.request(
      "PATCH",
      `${await this.#path(ref)}/status`,
      { status },
      "application/merge-patch+json",
    );
  }

  /** Deletes and waits until the object is gone. What is gone already is no error. */
  async delete(ref: ObjectRef, timeoutSeconds = 60): Promise<void> {
    try {
      // Background: without the garbage collector a foreground deletion would never end.
      await this.request("DELETE", `${await this.#path(ref)}?propagationPolicy=Background`);
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return;
      throw error;
    }
    const deadline = Date.now() + timeoutSeconds * 1000;
    for (let left = await this.get(ref); left !== undefined; left = await this.get(ref)) {
      if (Date.now() > deadline)
        throw new Error(`${describe(ref)} is not gone after ${timeoutSeconds} s: ${held(left)}`);
      await wait(POLL_MS);
    }
  }

  async #path(ref: ObjectRef): Promise<string> {
    const { plural, namespaced } = await this.#resource(ref.apiVersion, ref.kind);
    const within = namespaced ? `namespaces/${ref.metadata.namespace ?? "default"}/` : "";
    return `${base(ref.apiVersion)}/${within}${plural}/${ref.metadata.name}`;
  }

  async #resource(apiVersion: string, kind: string): Promise<ApiResource> {
    const known = await (this.#resources.get(apiVersion) ?? this.#discover(apiVersion));
    // A custom resource may have been defined since: look again before giving up.
    const resource = known.get(kind) ?? (await this.#discover(apiVersion)).get(kind);
    if (resource === undefined)
      throw new KubeError(404, "NoKindMatch", `the API server knows no ${apiVersion} ${kind}`);
    return resource;
  }

  #discover(apiVersion: string): Promise<Map<string, ApiResource>> {
    const found = this.request("GET", base(apiVersion)).then(
      (answer) => {
        const { resources } = answer as { resources: { name: string; kind: string; namespaced: boolean }[] };
        const own = resources.filter((r) => !r.name.includes("/"));
        return new Map(own.map((r) => [r.kind, { plural: r.name, namespaced: r.namespaced }]));
      },
      (error: unknown) => {
        if (error instanceof KubeError && error.code === 404) return new Map<string, ApiResource>();
        throw error;
      },
    );
    this.#resources.set(apiVersion, found);
    found.catch(() => this.#resources.delete(apiVersion));
    return found;
  }
}

const base = (apiVersion: string): string =>
  apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

export function describe(ref: ObjectRef): string {
  const { namespace, name } = ref.metadata;
  return `${ref.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

function held(object: KubeObject): string {
  const { finalizers, deletionTimestamp } = object.metadata;
  if (object.kind === "Namespace") return "a namespace goes only when kube-controller-manager runs";
  if (Array.isArray(finalizers) && finalizers.length > 0) return `held by ${finalizers.join(", ")}`;
  return deletionTimestamp === undefined ? "it was made again" : "it is being deleted";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

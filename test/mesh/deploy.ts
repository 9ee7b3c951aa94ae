/** Applies what the policies compile to, as a stack would: references replaced, every object through API server and webhook. */
import { compileAll } from "../../policy/compile/index.ts";
import type { KubeObject as CompiledObject } from "../../policy/compile/target.ts";
import type { Finding } from "../../policy/finding.ts";
import type { Model } from "../../policy/model/types.ts";
import type { KubeClient, KubeObject } from "../cluster/kube-client.ts";

export interface Deployed {
  readonly objects: readonly CompiledObject[];
  readonly findings: readonly Finding[];
  /** The proxy's configuration, parsed. */
  readonly proxy: Readonly<Record<string, unknown>>;
}

/**
 * Not applied here: what only a kubelet would run, and Telemetry, whose metrics need Istio's own build of Envoy (stock Envoy
 * refuses every listener with its statistics filter).
 */
const LEFT_OUT: ReadonlySet<string> = new Set(["Deployment", "HorizontalPodAutoscaler", "Telemetry"]);

/** Namespaces first; then everything else in the compilers' order. */
export async function deploy(
  client: KubeClient,
  model: Model,
  clusterName: string,
  refs: Readonly<Record<string, string>>,
): Promise<Deployed> {
  const cluster = model.trust.spec.clusters.find(({ name }) => name === clusterName);
  if (!cluster) throw new Error(`no cluster ${clusterName}`);
  const compiled = compileAll({ model, cluster });
  const resolve = <T>(value: T): T =>
    JSON.parse(
      JSON.stringify(value).replace(/\$\{ref:([\w.-]+)\}/g, (whole, name: string) => refs[name] ?? whole),
    ) as T;
  const objects = [...compiled.istio.targets, ...compiled.kubernetes.targets].map(({ object }) =>
    resolve<CompiledObject>(object),
  );
  const namespaces = new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []));
  for (const name of namespaces)
    await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  for (const object of objects) {
    if (LEFT_OUT.has(object.kind)) continue;
    await client.apply(object as unknown as KubeObject);
  }
  const [shard] = compiled.proxy.targets;
  if (!shard) throw new Error("the policies need no proxy");
  return {
    objects,
    findings: compiled.findings,
    proxy: resolve(shard.object.config) as unknown as Readonly<Record<string, unknown>>,
  };
}

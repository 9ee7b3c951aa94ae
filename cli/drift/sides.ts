import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { compileAll } from "../../policy/compile/index.ts";
import type { DriftSide } from "../../policy/drift/index.ts";
import { PolicyError } from "../../policy/finding.ts";
import { readPolicyFiles } from "../../policy/load/files.ts";
import { loadModel } from "../../policy/load/index.ts";
import { chooseCluster } from "../cluster.ts";
import { CliError } from "../exit.ts";
import { parseManifests } from "../io/manifests.ts";
import { isOrdinary } from "../lint-mesh.ts";
import { MARKER } from "../render/folder.ts";
import { type RefValues, withValues } from "../render/values.ts";
import { liveObjects } from "./live.ts";

export interface SideOptions {
  /** Of a policies folder, or of a folder that `portreeve render` wrote. */
  readonly cluster: string | undefined;
  readonly refs: RefValues;
  readonly trustDomain: string | undefined;
  readonly rootNamespace: string | undefined;
}

/** A cluster as the kubeconfig's server has it. */
export function liveSide(kubeconfig: string, options: SideOptions): DriftSide {
  return { name: kubeconfig, objects: liveObjects({ kubeconfig }), ...common(options) };
}

/**
 * A folder: policies, compiled for a cluster, or objects as `portreeve render`, Helm or people wrote them.
 *
 * @throws PolicyError or CliError when it cannot be read or compiled whole
 */
export function folderSide(path: string, options: SideOptions): DriftSide {
  const rendered = existsSync(join(path, MARKER)) && options.cluster !== undefined;
  const folder = rendered ? join(path, options.cluster ?? "") : path;
  const { files, findings } = readPolicyFiles([folder]);
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors);
  const policies = files.filter((file) => !isOrdinary(file) && file.text.includes("portreeve.dev/"));
  if (policies.length > 0) return policySide(path, policies, options);
  const manifests = parseManifests(files);
  if (manifests.findings.length > 0) throw new PolicyError(manifests.findings);
  if (manifests.objects.length === 0)
    throw new CliError(`${path} holds no policies and no Kubernetes objects`);
  return {
    name: folder,
    objects: manifests.objects,
    locate: (at) => manifests.positionOf(at),
    ...common(options),
  };
}

function policySide(
  path: string,
  texts: readonly { readonly name: string; readonly text: string }[],
  options: SideOptions,
): DriftSide {
  const model = loadModel({ texts });
  const cluster = chooseCluster(model, options.cluster);
  const compiled = compileAll({ model, cluster });
  const errors = compiled.findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors);
  const missing = new Set<string>();
  const objects = [...compiled.istio.targets, ...compiled.kubernetes.targets].map(({ object }) =>
    withValues(object, options.refs, missing),
  );
  if (missing.size > 0) {
    const names = [...missing].sort();
    throw new CliError(
      `no value for ${names.map((name) => `\${ref:${name}}`).join(", ")}: give ${names.map((name) => `--ref ${name}=…`).join(" ")}`,
    );
  }
  return {
    ...common(options),
    name: `${basename(path)} for ${cluster.name}`,
    objects,
    dataplane: cluster.dataPlane === "ambient" ? "ztunnel" : "sidecar",
    trustDomain: model.trust.spec.trustDomain,
    elsewhere: [...model.services.values()].flatMap(({ name, spec: { location } }) =>
      location.type === "mesh" && location.clusters !== undefined && !location.clusters.includes(cluster.name)
        ? [{ service: name, namespace: location.namespace, labels: location.selector }]
        : [],
    ),
  };
}

function common({ trustDomain, rootNamespace }: SideOptions) {
  return { ...(trustDomain && { trustDomain }), ...(rootNamespace && { rootNamespace }) };
}

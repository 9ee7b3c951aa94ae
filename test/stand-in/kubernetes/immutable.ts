/** Which fields of which kinds the API server never lets change: a change means a new object. */
import type { Difference } from "../provider/diff.ts";
import { at, type Props } from "../provider/values.ts";

/** Dotted prefixes by kind, from the validation code of the API server. */
const BY_KIND: Readonly<Record<string, readonly string[]>> = {
  DaemonSet: ["spec.selector"],
  Deployment: ["spec.selector"],
  Job: ["spec.selector", "spec.template", "spec.completions"],
  PersistentVolumeClaim: ["spec.storageClassName", "spec.accessModes", "spec.selector", "spec.volumeName"],
  ReplicaSet: ["spec.selector"],
  ClusterRoleBinding: ["roleRef"],
  RoleBinding: ["roleRef"],
  Secret: ["type"],
  Service: ["spec.clusterIP", "spec.clusterIPs"],
  StatefulSet: ["spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"],
};

const ALWAYS = ["apiVersion", "kind", "metadata.name", "metadata.namespace"];

export function mustReplace(difference: Difference, old: Props): boolean {
  const path = difference.path.join(".");
  const kind = String(old.kind ?? "");
  const frozen = at(old, "immutable") === true ? ["data", "binaryData", "stringData", "immutable"] : [];
  return [...ALWAYS, ...(BY_KIND[kind] ?? []), ...frozen].some(
    (prefix) => path === prefix || path.startsWith(`${prefix}.`),
  );
}

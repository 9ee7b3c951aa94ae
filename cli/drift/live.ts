import { execFileSync } from "node:child_process";
import { withoutServerFields } from "../../policy/drift/index.ts";
import { listAt } from "../../policy/drift/objects.ts";
import { CliError } from "../exit.ts";

/** What is read of a cluster, with get alone. */
const RESOURCES = [
  "namespaces",
  "pods",
  "services",
  "deployments.apps",
  "replicasets.apps",
  "statefulsets.apps",
  "daemonsets.apps",
  "jobs.batch",
  "cronjobs.batch",
  "networkpolicies.networking.k8s.io",
  "authorizationpolicies.security.istio.io",
  "peerauthentications.security.istio.io",
] as const;

/** Only Portreeve's own: others may hold what is nobody's business. */
const OWN_CONFIG_MAPS = ["configmaps", "-l", "app.kubernetes.io/managed-by=portreeve"] as const;

const MOST = 1024 * 1024 * 1024;

/** A running cluster, as kubectl is told of it. */
export interface LiveCluster {
  /** @default what kubectl takes: `KUBECONFIG`, or the one in the home folder */
  readonly kubeconfig?: string;
  /** @default the kubeconfig's current one */
  readonly context?: string;
}

/**
 * The objects of a running cluster that decide on access, read by `kubectl get` with the credentials of a kubeconfig.
 *
 * @throws CliError when kubectl is not there or is refused. Kinds that the cluster does not know hold no objects.
 */
export function liveObjects(cluster: LiveCluster): unknown[] {
  return [...RESOURCES.map((resource) => [resource]), OWN_CONFIG_MAPS].flatMap((what) =>
    get(cluster, what).map(withoutServerFields),
  );
}

function get({ kubeconfig, context }: LiveCluster, what: readonly string[]): readonly unknown[] {
  const args = [
    ...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
    ...(context === undefined ? [] : ["--context", context]),
    ...["get", ...what, "--all-namespaces", "-o", "json"],
  ];
  try {
    const out = execFileSync("kubectl", args, {
      encoding: "utf8",
      maxBuffer: MOST,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return listAt(JSON.parse(out), "items");
  } catch (cause) {
    const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
    if (/doesn't have a resource type/.test(said)) return [];
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const reason = missing
      ? "kubectl is not on PATH; install it, or compare rendered folders"
      : said || String(cause);
    const cluster = [context, kubeconfig].filter((word) => word !== undefined).join(" in ");
    throw new CliError(
      `cannot read the cluster of ${cluster || "the current context"}: ${reason}`,
      undefined,
      { cause },
    );
  }
}

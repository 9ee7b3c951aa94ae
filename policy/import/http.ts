import { appliesToSidecar, isDryRun, nameOf, ztunnelScope } from "../istio/authorization/select.ts";
import type { AuthorizationPolicy, Rule, SecurityPolicy } from "../istio/objects.ts";
import type { Pod } from "../kubernetes/reach/index.ts";
import { isCustom } from "./today.ts";
import type { Mesh } from "./types.ts";

/** A rule that judges requests and not connections, at one port of some pods. */
export interface HttpRule {
  readonly policy: string;
  readonly rule: number;
  readonly action: string;
}

/** Rules with conditions on HTTP requests that hold at a port of these pods. */
export function httpRules(
  policies: readonly SecurityPolicy[],
  pods: readonly Pod[],
  port: number,
  mesh: Mesh,
): HttpRule[] {
  return applying(policies, pods, mesh)
    .filter((policy) => !isDryRun(policy) && policy.spec?.action !== "AUDIT")
    .flatMap((policy) =>
      (policy.spec?.rules ?? []).flatMap((rule, index) =>
        isHttp(rule) && isForPort(rule, port)
          ? [{ policy: nameOf(policy), rule: index, action: policy.spec?.action ?? "ALLOW" }]
          : [],
      ),
    );
}

/** CUSTOM policies before these pods: an external authorizer is asked, and what it answers objects do not say. */
export function customPolicies(
  policies: readonly SecurityPolicy[],
  pods: readonly Pod[],
  port: number,
  mesh: Mesh,
): string[] {
  return applying(policies, pods, mesh)
    .filter((policy) => isCustom(policy) && (policy.spec?.rules ?? []).some((rule) => isForPort(rule, port)))
    .map(nameOf);
}

function applying(
  policies: readonly SecurityPolicy[],
  pods: readonly Pod[],
  mesh: Mesh,
): AuthorizationPolicy[] {
  return policies.flatMap((policy) =>
    policy.kind === "AuthorizationPolicy" &&
    pods.some((pod) => {
      const workload = {
        namespace: pod.namespace,
        labels: pod.labels,
        rootNamespace: mesh.rootNamespace,
      };
      return mesh.dataPlane === "sidecar"
        ? appliesToSidecar(policy, workload)
        : ztunnelScope(policy, workload) !== undefined;
    })
      ? [policy]
      : [],
  );
}

function isHttp({ from, to, when }: Rule): boolean {
  return (
    (from ?? []).some(
      ({ source }) => filled(source?.requestPrincipals) || filled(source?.notRequestPrincipals),
    ) ||
    (to ?? []).some(
      ({ operation }) =>
        filled(operation?.hosts) ||
        filled(operation?.notHosts) ||
        filled(operation?.methods) ||
        filled(operation?.notMethods) ||
        filled(operation?.paths) ||
        filled(operation?.notPaths),
    ) ||
    (when ?? []).some(({ key }) => key.startsWith("request."))
  );
}

function isForPort({ to }: Rule, port: number): boolean {
  if (!filled(to)) return true;
  return (to ?? []).some(({ operation }) => {
    const { ports, notPorts } = operation ?? {};
    return (!filled(ports) || ports?.includes(String(port))) && !notPorts?.includes(String(port));
  });
}

function filled(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

import type { Finding } from "../../finding.ts";
import type { Pod } from "../../kubernetes/reach/index.ts";
import { bypassed } from "../../reach/mesh.ts";
import { contains } from "../../sets/ranges.ts";
import { appliesToSidecar, nameOf, namespaceOf } from "../authorization/select.ts";
import type { AuthorizationPolicy } from "../objects.ts";
import { concernsPort, evadedByPlaintext, readsIdentity } from "./identity.ts";
import { planeOf, sidecarPortMode, speaksMtls } from "./server-mode.ts";
import { finding, listed } from "./tell.ts";
import { namedPolicy, type Path, podsBehind, targetPort, type World } from "./world.ts";

/** A port of a pod that clients reach through one or several services. */
interface Reached {
  readonly pod: Pod;
  readonly port: number;
  readonly hosts: Set<string>;
}

/** Paths past the proxy on ports that an AuthorizationPolicy is for: PR534, PR535, PR537 and PR538. */
export function bypassedPaths(world: World): Finding[] {
  return reachedPorts(world).flatMap((reached) => bypassOf(world, reached));
}

function reachedPorts(world: World): Reached[] {
  const found = new Map<string, Reached>();
  for (const service of world.services) {
    for (const pod of podsBehind(world, service)) {
      for (const port of service.ports) {
        const number = targetPort(port, pod);
        if (number === undefined) continue;
        const key = JSON.stringify([pod, number]);
        const reached = found.get(key) ?? { pod, port: number, hosts: new Set<string>() };
        reached.hosts.add(`${service.host}:${port.number}`);
        found.set(key, reached);
      }
    }
  }
  return [...found.values()];
}

function bypassOf(world: World, { pod, port, hosts }: Reached): Finding[] {
  const policies = policiesFor(world, pod, port);
  if (speaksMtls(pod) || policies.length === 0) return [];
  const path = world.podPaths.get(pod.workload) ?? [0];
  const object = `Workload ${pod.workload}`;
  const names = authorizationNames(world, policies);
  const at = `${pod.workload} port ${port} (${listed(hosts)})`;
  const tell = (rule: string, where: Path, message: string, fix: string) => [
    finding(world, rule, where, object, message, fix),
  ];
  const plane = planeOf(world, pod);
  if (pod.hostNetwork) {
    return tell(
      "PR538",
      path,
      `${at} is on the host network, so it has no proxy: everybody who reaches the node reaches it, and ${names} does not apply`,
      "take it off the host network, or guard the port with a firewall of the node",
    );
  }
  if (plane === "none") {
    // A policy for the whole mesh is not meant for what is not in it.
    const meant = policies.filter((policy) => namespaceOf(policy) !== world.rootNamespace);
    if (meant.length === 0) return [];
    const others = meshedBeside(world, pod);
    const mixed = others.length > 0 ? `, while ${listed(others)} behind the same Service is` : "";
    return tell(
      "PR534",
      path,
      `${at} is not in the mesh${mixed}: everybody reaches it in plaintext, and ${authorizationNames(world, meant)} does not apply`,
      "label the namespace for injection, or take the label off the pod that opts out",
    );
  }
  if (contains(bypassed(pod, plane), port)) {
    return tell(
      "PR535",
      path,
      `${at} is kept from the sidecar by the annotations of the pod: everybody reaches it in plaintext, and ${names} does not apply`,
      "take the port out of excludeInboundPorts, or into includeInboundPorts",
    );
  }
  return plane === "sidecar" ? plaintext(world, pod, port, at, policies) : [];
}

/** The workloads in the mesh behind a Service that the pod is behind too. */
function meshedBeside(world: World, pod: Pod): string[] {
  return world.services
    .map((service) => podsBehind(world, service))
    .filter((pods) => pods.includes(pod))
    .flatMap((pods) =>
      pods.filter((other) => planeOf(world, other) !== "none").map(({ workload }) => workload),
    );
}

/** Policies that a plaintext client evades, or that read an identity where nobody has one. */
function plaintext(
  world: World,
  pod: Pod,
  port: number,
  at: string,
  policies: readonly AuthorizationPolicy[],
): Finding[] {
  const { mode, policy } = sidecarPortMode(world, pod, port);
  if (mode === "STRICT") return [];
  const evaded = policies.filter(evadedByPlaintext);
  const blind = mode === "DISABLE" ? policies.filter(readsIdentity) : [];
  const concerned = evaded.length > 0 ? evaded : blind;
  const [first] = concerned;
  if (first === undefined) return [];
  const by =
    policy === undefined ? "by Istio's default" : `by ${namedPolicy(world, "PeerAuthentication", policy)}`;
  const names = authorizationNames(world, concerned);
  const told =
    evaded.length > 0
      ? `a client without a certificate has no identity, and ${names} does not see it`
      : `nobody has an identity there, and ${names} asks for one`;
  return [
    finding(
      world,
      "PR537",
      world.policyPaths.get(`AuthorizationPolicy ${nameOf(first)}`) ?? [0],
      `AuthorizationPolicy ${nameOf(first)}`,
      `${at} takes plaintext (${mode} ${by}): ${told}`,
      "make the port STRICT, or decide on addresses",
    ),
  ];
}

function authorizationNames(world: World, policies: readonly AuthorizationPolicy[]): string {
  return listed(policies.map((policy) => namedPolicy(world, "AuthorizationPolicy", nameOf(policy))));
}

function policiesFor(world: World, { namespace, labels }: Pod, port: number): readonly AuthorizationPolicy[] {
  const workload = { namespace, labels, rootNamespace: world.rootNamespace };
  return world.authorizations.filter(
    (policy) =>
      policy.spec?.action !== "AUDIT" &&
      policy.metadata.annotations?.["istio.io/dry-run"] !== "true" &&
      appliesToSidecar(policy, workload) &&
      concernsPort(policy, port),
  );
}

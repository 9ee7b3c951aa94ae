import { sortedSet } from "../../model/canonical.ts";
import { joinName } from "../../model/names.ts";
import { acceptsPlaintext } from "../../model/resolve.ts";
import type { Model, Service } from "../../model/types.ts";
import { proxiedServices } from "../../plan/proxied-services.ts";
import type { Target } from "../target.ts";
import type { IstioContext } from "./context.ts";
import { emit, labelsOf, SECURITY } from "./emit.ts";
import type { IstioObject } from "./objects.ts";

/** The guardrail against plaintext in the mesh; a waiver for it opens a port. */
export const PLAINTEXT_RULE = "PR501";

/**
 * STRICT in every namespace with a service or workload of ours, and in the proxy's. Never mesh-wide: other namespaces
 * belong to somebody else.
 */
export function peerAuthentications(context: IstioContext): Target<IstioObject>[] {
  return [
    ...guardedNamespaces(context).map((namespace) =>
      emit("MeshGuards", "guards", [`Trust/${context.model.trust.name}`], {
        apiVersion: SECURITY,
        kind: "PeerAuthentication",
        metadata: { name: "portreeve", namespace, labels: labelsOf(undefined, "guards") },
        spec: { mtls: { mode: "STRICT" } },
      }),
    ),
    ...[...context.services.values()].flatMap((service) => plaintextException(context, service)),
  ];
}

/** Namespaces with a service or workload of ours, and the proxy's if it serves anything; never Istio's root namespace. */
export function guardedNamespaces(context: IstioContext): string[] {
  const proxied = proxiedServices(context.model, context.cluster).length > 0;
  return sortedSet([...ownNamespaces(context), ...(proxied ? [context.proxyNamespace] : [])]).filter(
    (namespace) => namespace !== context.model.trust.spec.rootNamespace,
  );
}

/** Namespaces with a service or workload of ours; never Istio's root namespace, where a setting is for the whole mesh. */
export function ownNamespaces(context: IstioContext): string[] {
  const namespaces = [
    ...[...context.services.values()].flatMap(({ spec: { location } }) =>
      location.type === "mesh" ? [location.namespace] : [],
    ),
    ...[...context.workloads.values()].map((workload) => workload.namespace),
  ];
  return sortedSet(namespaces).filter((name) => name !== context.model.trust.spec.rootNamespace);
}

/**
 * The one way to plaintext: `tls.mode: none` on an in-mesh service, and a waiver of PR501 that names it. The waiver's end is
 * checked by lint, which knows the time: an expired one stops the deployment.
 */
function plaintextException(context: IstioContext, service: Service): Target<IstioObject>[] {
  const { location } = service.spec;
  if (location.type !== "mesh" || !acceptsPlaintext(service)) return [];
  const waivers = waiversOf(context.model, service);
  if (waivers.length === 0) return [];
  const ports = sortedSet(service.ports.map((port) => port.targetPort));
  return [
    emit("MeshGuards", "guards", [`Service/${service.name}`, ...waivers.map((name) => `Waiver/${name}`)], {
      apiVersion: SECURITY,
      kind: "PeerAuthentication",
      metadata: {
        name: joinName(["plaintext", service.name]),
        namespace: location.namespace,
        labels: labelsOf(service, "guards"),
      },
      spec: {
        selector: { matchLabels: location.selector },
        mtls: { mode: "STRICT" },
        portLevelMtls: Object.fromEntries(ports.map((port) => [String(port), { mode: "PERMISSIVE" }])),
      },
    }),
  ];
}

/** Names of the waivers that let a service accept plaintext. */
export function waiversOf(model: Model, service: Service): string[] {
  return [...model.waivers.values()]
    .filter(({ spec }) => spec.rule === PLAINTEXT_RULE && spec.scope.includes(`Service/${service.name}`))
    .map((waiver) => waiver.name);
}

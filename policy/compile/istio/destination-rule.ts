import { spiffeId } from "../../model/names.ts";
import type { Service } from "../../model/types.ts";
import type { Target } from "../target.ts";
import type { IstioContext } from "./context.ts";
import { emit, labelsOf, NETWORKING } from "./emit.ts";
import {
  gatewayServiceName,
  hostHash,
  hostObjectName,
  meshHost,
  proxyHost,
  routableHosts,
  serviceHost,
} from "./hosts.ts";
import type { ClientTls, DestinationRule, IstioObject } from "./objects.ts";
import { exportTo } from "./scope.ts";
import { trafficPolicy } from "./traffic-policy.ts";

/** Limits, and who must be at the other end. None in ambient: ztunnel reads no DestinationRule. */
export function destinationRules(context: IstioContext, service: Service): Target<IstioObject>[] {
  if (context.cluster.dataPlane === "ambient") return [];
  switch (service.enforcement) {
    case "workload":
      return toWorkload(context, service);
    case "proxy":
      return toProxy(context, service);
    case "gateway":
      return [...toGateway(context, service), ...fromGateway(context, service)];
  }
}

/**
 * Without `tls` Istio decides by itself whether the other side has a sidecar, which never conflicts with STRICT. `tls` is
 * stated only to pin the service's identity.
 */
function toWorkload(context: IstioContext, service: Service): Target<IstioObject>[] {
  const { location, tls } = service.spec;
  const host = meshHost(service, context.cluster);
  if (location.type !== "mesh" || host === undefined) return [];
  const policy = {
    ...trafficPolicy(context.model.trust, service),
    ...(location.serviceAccount !== undefined &&
      tls.mode !== "none" && {
        tls: pinned(context, location.namespace, location.serviceAccount),
      }),
  };
  if (Object.keys(policy).length === 0) return [];
  const home = location.namespace;
  return [
    rule(service, service.name, home, {
      host,
      trafficPolicy: policy,
      exportTo: exportTo(context, service, home),
    }),
  ];
}

/**
 * The proxy has no sidecar and ends Istio's mutual TLS itself. Auto mTLS would see pods without a sidecar and send
 * plaintext, so mutual TLS is stated, and only the proxy's own identity is accepted.
 */
function toProxy(context: IstioContext, service: Service): Target<IstioObject>[] {
  const { namespace, serviceAccount } = context.model.trust.spec.proxy;
  return [
    rule(service, service.name, namespace, {
      host: proxyHost(context, service),
      trafficPolicy: {
        ...trafficPolicy(context.model.trust, service),
        tls: pinned(context, namespace, serviceAccount),
      },
      exportTo: exportTo(context, service, namespace),
    }),
  ];
}

/** A subset for each host: its server name is how the gateway tells the hosts of a service apart. */
function toGateway(context: IstioContext, service: Service): Target<IstioObject>[] {
  const gateway = context.cluster.egressGateway;
  if (!gateway) return [];
  const name = gatewayServiceName(service);
  return [
    rule(service, name, gateway.namespace, {
      host: serviceHost(name, gateway.namespace, context.cluster),
      subsets: routableHosts(service).map((host) => ({
        name: hostHash(host),
        trafficPolicy: { tls: { ...pinned(context, gateway.namespace, gateway.serviceAccount), sni: host } },
      })),
      exportTo: exportTo(context, service, gateway.namespace),
    }),
  ];
}

/** From the gateway to the real host: the service's limits, and TLS as the service asks. Nobody else uses it. */
function fromGateway(context: IstioContext, service: Service): Target<IstioObject>[] {
  const gateway = context.cluster.egressGateway;
  if (!gateway) return [];
  return routableHosts(service).flatMap((host) => {
    const tls = originated(service, host);
    const policy = { ...trafficPolicy(context.model.trust, service), ...(tls && { tls }) };
    if (Object.keys(policy).length === 0) return [];
    return [
      rule(service, hostObjectName(service, host), gateway.namespace, {
        host,
        trafficPolicy: policy,
        exportTo: ["."],
      }),
    ];
  });
}

function originated(service: Service, host: string): ClientTls | undefined {
  const { tls } = service.spec;
  switch (tls.mode) {
    case "auto":
    case "none":
    case "passthrough":
      return undefined;
    case "simple":
    case "mutual": {
      const sni = tls.sni ?? host;
      // Without names Envoy accepts any certificate of the CA: for TCP there is no HTTP host to compare with.
      const names = { sni, subjectAltNames: tls.subjectAltNames ?? [sni] };
      if (tls.mode === "simple") {
        // "system": the roots of the gateway's image, which is Istio's default too, but said.
        return { mode: "SIMPLE", ...names, caCertificates: tls.ca ?? "system" };
      }
      // Istio takes the CA from the credential's Secret then, and refuses a path beside it.
      return {
        mode: "MUTUAL",
        ...names,
        ...(tls.credential !== undefined && { credentialName: tls.credential }),
      };
    }
  }
}

function pinned(context: IstioContext, namespace: string, serviceAccount: string): ClientTls {
  return {
    mode: "ISTIO_MUTUAL",
    subjectAltNames: context.trustDomains.map((domain) => spiffeId(domain, namespace, serviceAccount)),
  };
}

function rule(
  service: Service,
  name: string,
  namespace: string,
  spec: DestinationRule["spec"],
): Target<IstioObject> {
  return emit("TcpService", service.name, [`Service/${service.name}`], {
    apiVersion: NETWORKING,
    kind: "DestinationRule",
    metadata: { name, namespace, labels: labelsOf(service, service.name) },
    spec,
  });
}

import { podsOverlap } from "../compile/istio/findings-shared-pods.ts";
import { type Destination, selects } from "./destinations.ts";
import type { KubeServiceObject } from "./objects.ts";
import type { Estate, Placed } from "./read.ts";
import type { NoEqual } from "./types.ts";

/** Services but those of gateways and of Istio's root namespace: policies there are not a service's own. */
export function leaveGateways(
  estate: Estate,
  rootNamespace: string,
  noEqual: NoEqual[],
): Placed<KubeServiceObject>[] {
  const gateways = estate.gateways
    .map(({ object }) => object.spec.selector ?? {})
    .filter((selector) => Object.keys(selector).length > 0);
  return estate.services.filter(({ object, namespace, name, position }) => {
    const own = object.spec.selector ?? {};
    const isGateway = gateways.some((selector) => selects(selector, own));
    if (!isGateway && namespace !== rootNamespace) return true;
    noEqual.push({
      subject: `Service ${namespace}/${name}`,
      message: isGateway
        ? "it is a gateway: what goes out through it is imported with the external services, what comes in is left as it is"
        : "it is in Istio's root namespace, where a policy is for the whole mesh; left as it is",
      position,
    });
    return false;
  });
}

/**
 * Leaves out a Service whose pods are all another one's, on a target port of both: policies see pods and ports, so one of
 * the two speaks for both. The wider stays.
 */
export function keepApart(all: readonly Destination[], noEqual: NoEqual[]): Destination[] {
  const size = ({ selector }: Destination) => Object.keys(selector).length;
  const kept: Destination[] = [];
  for (const each of [...all].sort((a, b) => size(a) - size(b))) {
    const outer = kept.find(
      (other) =>
        other.namespace === each.namespace &&
        podsOverlap(other.selector, each.selector) === "yes" &&
        each.ports.some(({ targetPort }) => other.ports.some((port) => port.targetPort === targetPort)),
    );
    if (outer === undefined) {
      kept.push(each);
      continue;
    }
    noEqual.push({
      subject: `Service ${each.namespace}/${each.serviceName}`,
      message: `its pods are also those of Service ${outer.namespace}/${outer.serviceName}, on the same port: sidecar and ztunnel judge pods and ports, so grants to Service/${outer.name} are for both`,
      position: each.position,
    });
  }
  return all.filter((each) => kept.includes(each));
}

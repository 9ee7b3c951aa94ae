import type { Target } from "../target.ts";
import type { IstioContext } from "./context.ts";
import { emit, labelsOf, TELEMETRY } from "./emit.ts";
import type { IstioObject } from "./objects.ts";
import { ownNamespaces } from "./peer-authentication.ts";

/**
 * Who touched the port, from the mesh's side: access log and Istio's TCP metrics, with the providers that every Istio has.
 * None in ambient: ztunnel always logs and counts, and reads no Telemetry.
 */
export function telemetries(context: IstioContext): Target<IstioObject>[] {
  if (context.cluster.dataPlane === "ambient") return [];
  return ownNamespaces(context).map((namespace) =>
    emit("MeshGuards", "guards", [`Trust/${context.model.trust.name}`], {
      apiVersion: TELEMETRY,
      kind: "Telemetry",
      metadata: { name: "portreeve", namespace, labels: labelsOf(undefined, "guards") },
      spec: {
        accessLogging: [{ providers: [{ name: "envoy" }] }],
        metrics: [{ providers: [{ name: "prometheus" }] }],
      },
    }),
  );
}

import { fields, kubernetesObject, sample, text } from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";

/** Modes of PeerAuthentication that let in clients without a certificate. */
const LAX: ReadonlySet<string> = new Set(["PERMISSIVE", "DISABLE"]);

/** PR501. */
export const plaintext: ResourceRule = {
  id: "PR501",
  over: "resource",
  severities: ["error"],
  remediation:
    "Use STRICT, and in a DestinationRule ISTIO_MUTUAL; or accept it for a time with a waiver in the pack's configuration.",
  bad: [
    [sample("security.istio.io/v1", "PeerAuthentication", "default", { mtls: { mode: "PERMISSIVE" } })],
    [
      sample("security.istio.io/v1", "PeerAuthentication", "metrics", {
        selector: { matchLabels: { app: "metrics" } },
        mtls: { mode: "STRICT" },
        portLevelMtls: { 9100: { mode: "DISABLE" } },
      }),
    ],
    [
      sample("networking.istio.io/v1", "DestinationRule", "api", {
        host: "api.shop.svc.cluster.local",
        trafficPolicy: { tls: { mode: "DISABLE" } },
      }),
    ],
  ],
  good: [
    [sample("security.istio.io/v1", "PeerAuthentication", "default", { mtls: { mode: "STRICT" } })],
    // An external server that speaks no TLS is not the mesh's.
    [
      sample("networking.istio.io/v1", "DestinationRule", "legacy", {
        host: "legacy.example.com",
        trafficPolicy: { tls: { mode: "DISABLE" } },
      }),
    ],
  ],
  *check(resource): Iterable<StackBreach> {
    const object = kubernetesObject(resource);
    if (!object) return;
    const { kind, namespace, name, spec } = object;
    if (kind === "security.istio.io/PeerAuthentication") {
      const id = `PeerAuthentication ${namespace}/${name}`;
      const mode = text(fields(spec.mtls).mode);
      if (LAX.has(mode)) yield { message: `${id} accepts clients without a certificate (${mode})` };
      for (const [port, setting] of Object.entries(fields(spec.portLevelMtls))) {
        const portMode = text(fields(setting).mode);
        if (!LAX.has(portMode)) continue;
        yield { message: `${id} accepts clients without a certificate on port ${port} (${portMode})` };
      }
    } else if (kind === "networking.istio.io/DestinationRule" && isMeshHost(text(spec.host))) {
      const tls = fields(fields(spec.trafficPolicy).tls);
      if (tls.mode !== "DISABLE") return;
      yield {
        message: `DestinationRule ${namespace}/${name} sends plaintext to ${text(spec.host)} in the mesh`,
      };
    }
  },
};

/** A short name, or the name of a Kubernetes Service. */
function isMeshHost(host: string): boolean {
  return host !== "" && (!host.includes(".") || /\.svc(\.|$)/.test(host));
}

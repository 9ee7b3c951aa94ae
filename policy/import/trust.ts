import { API_VERSION } from "../schema/index.ts";
import type { ExternalDestination } from "./external.ts";
import type { ImportedDocument, ImportOptions, Mesh } from "./types.ts";

/** The Trust of an imported estate: one cluster, as the folder shows it. */
export function trustOf(
  mesh: Mesh,
  externals: readonly ExternalDestination[],
  options: ImportOptions,
): ImportedDocument {
  const at = externals.find(({ gateway }) => gateway)?.gateway?.at;
  return {
    document: {
      apiVersion: API_VERSION,
      kind: "Trust",
      metadata: { name: "estate" },
      spec: {
        trustDomain: mesh.trustDomain,
        ...(mesh.aliases.length > 0 && { trustDomainAliases: [...mesh.aliases] }),
        ...(mesh.rootNamespace !== "istio-system" && { rootNamespace: mesh.rootNamespace }),
        clusters: [
          {
            name: options.cluster,
            dataPlane: mesh.dataPlane === "ztunnel" ? "ambient" : "sidecar",
            istioVersion: options.istioVersion,
            ...(at && {
              egressGateway: {
                namespace: at.namespace,
                selector: { ...at.selector },
                service: at.service,
                serviceAccount: at.serviceAccount,
              },
            }),
          },
        ],
      },
    },
    comments: ["check the trust domain (meshConfig.trustDomain) and the Istio version against your mesh"],
  };
}

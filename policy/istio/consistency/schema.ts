import { z } from "zod";

/**
 * The fields of routing objects that decide how a client's proxy dials: read leniently, as `portreeve validate` is there
 * to say what Istio refuses. Source: `istio.io/api` networking/v1 and the core/v1 Service.
 */

const labels = z.record(z.string(), z.string()).nullish();

const metadata = z.object({
  name: z.string().min(1),
  namespace: z.string().nullish(),
  labels,
  annotations: labels,
  creationTimestamp: z.string().nullish(),
});

/** `mode` left out is DISABLE: the zero value of the enumeration, not "automatic". */
const tls = z.object({
  mode: z.enum(["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]).nullish(),
  credentialName: z.string().nullish(),
  sni: z.string().nullish(),
});
const loadBalancer = z.object({ simple: z.string().nullish() });
const trafficPolicy = z.object({
  tls: tls.nullish(),
  loadBalancer: loadBalancer.nullish(),
  portLevelSettings: z
    .array(
      z.object({
        port: z.object({ number: z.number().int() }).nullish(),
        tls: tls.nullish(),
        loadBalancer: loadBalancer.nullish(),
      }),
    )
    .nullish(),
});
export type TlsSettings = z.infer<typeof tls>;
export type TrafficPolicy = z.infer<typeof trafficPolicy>;

const subset = z.object({ name: z.string(), labels, trafficPolicy: trafficPolicy.nullish() });
export type Subset = z.infer<typeof subset>;

export const destinationRuleSchema = z.object({
  metadata,
  spec: z.object({
    host: z.string().min(1),
    trafficPolicy: trafficPolicy.nullish(),
    subsets: z.array(subset).nullish(),
    exportTo: z.array(z.string()).nullish(),
    workloadSelector: z.object({ matchLabels: labels }).nullish(),
  }),
});

const portNumber = z.number().int().min(1).max(65535);

export const serviceSchema = z.object({
  metadata,
  spec: z
    .object({
      type: z.string().nullish(),
      clusterIP: z.string().nullish(),
      selector: z.record(z.string(), z.string()).nullish(),
      ports: z
        .array(
          z.object({
            name: z.string().nullish(),
            port: portNumber,
            protocol: z.string().nullish(),
            appProtocol: z.string().nullish(),
            targetPort: z.union([z.number().int(), z.string()]).nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});

export const serviceEntrySchema = z.object({
  metadata,
  spec: z.object({
    hosts: z.array(z.string()),
    addresses: z.array(z.string()).nullish(),
    location: z.enum(["MESH_EXTERNAL", "MESH_INTERNAL"]).nullish(),
    resolution: z.string().nullish(),
    exportTo: z.array(z.string()).nullish(),
    workloadSelector: z.object({ labels }).nullish(),
    endpoints: z.array(z.object({ labels })).nullish(),
    ports: z
      .array(
        z.object({
          number: portNumber,
          name: z.string().nullish(),
          protocol: z.string().nullish(),
          targetPort: z.number().int().nullish(),
        }),
      )
      .nullish(),
  }),
});

const route = z.object({
  route: z
    .array(
      z.object({
        destination: z
          .object({
            host: z.string(),
            subset: z.string().nullish(),
            port: z.object({ number: z.number().int().nullish() }).nullish(),
          })
          .nullish(),
      }),
    )
    .nullish(),
});
export const virtualServiceSchema = z.object({
  metadata,
  spec: z.object({
    tcp: z.array(route).nullish(),
    tls: z.array(route).nullish(),
    http: z.array(route).nullish(),
  }),
});

export const gatewaySchema = z.object({
  metadata,
  spec: z.object({ selector: labels }),
});

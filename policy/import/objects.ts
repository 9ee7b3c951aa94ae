import { z } from "zod";

/** The parts of objects that the import reads, besides those of `policy/kubernetes/reach` and `policy/istio`. */
const text = z.string().nullish();
const texts = z.array(z.string()).nullish();
const labels = z.record(z.string(), z.string()).nullish();
const number = z.number().int();
const port = number.min(1).max(65535);

const metadata = z.object({ name: z.string().min(1), namespace: text, labels });

const tls = z.object({
  mode: text,
  sni: text,
  subjectAltNames: texts,
  caCertificates: text,
  credentialName: text,
});

export const kubeService = z.object({
  kind: z.literal("Service"),
  metadata,
  spec: z.object({
    selector: labels,
    type: text,
    clusterIP: text,
    ports: z
      .array(
        z.object({
          name: text,
          port,
          protocol: text,
          appProtocol: text,
          targetPort: z.union([number, z.string()]).nullish(),
        }),
      )
      .nullish(),
  }),
});

export const serviceEntry = z.object({
  kind: z.literal("ServiceEntry"),
  metadata,
  spec: z.object({
    hosts: z.array(z.string()).min(1),
    addresses: texts,
    location: text,
    resolution: text,
    exportTo: texts,
    workloadSelector: z.unknown().optional(),
    ports: z
      .array(z.object({ number: port, name: text, protocol: text, targetPort: port.nullish() }))
      .nullish(),
    endpoints: z.array(z.object({ address: text, ports: z.record(z.string(), number).nullish() })).nullish(),
  }),
});

const trafficPolicy = z.object({
  connectionPool: z
    .object({
      tcp: z
        .object({
          maxConnections: number.nullish(),
          connectTimeout: text,
          idleTimeout: text,
          maxConnectionDuration: text,
          tcpKeepalive: z.object({ time: text, interval: text, probes: number.nullish() }).nullish(),
        })
        .nullish(),
      http: z.unknown().optional(),
    })
    .nullish(),
  outlierDetection: z
    .object({
      consecutiveErrors: number.nullish(),
      consecutive5xxErrors: number.nullish(),
      consecutiveGatewayErrors: number.nullish(),
      interval: text,
      baseEjectionTime: text,
      maxEjectionPercent: number.nullish(),
    })
    .nullish(),
  loadBalancer: z.unknown().optional(),
  portLevelSettings: z.array(z.unknown()).nullish(),
  tls: tls.nullish(),
});

export const destinationRule = z.object({
  kind: z.literal("DestinationRule"),
  metadata,
  spec: z.object({
    host: z.string(),
    trafficPolicy: trafficPolicy.nullish(),
    subsets: z.array(z.object({ name: z.string(), trafficPolicy: trafficPolicy.nullish() })).nullish(),
  }),
});

const destination = z.object({
  host: z.string(),
  port: z.object({ number }).nullish(),
  subset: text,
});
const route = z.object({
  match: z.array(z.object({ port: number.nullish(), gateways: texts, sniHosts: texts })).nullish(),
  route: z.array(z.object({ destination })).nullish(),
});

export const virtualService = z.object({
  kind: z.literal("VirtualService"),
  metadata,
  spec: z.object({
    hosts: texts,
    gateways: texts,
    tcp: z.array(route).nullish(),
    tls: z.array(route).nullish(),
    http: z.array(z.unknown()).nullish(),
  }),
});

export const gateway = z.object({
  kind: z.literal("Gateway"),
  metadata,
  spec: z.object({
    selector: labels,
    servers: z
      .array(
        z.object({
          port: z.object({ number: port, name: text, protocol: text }),
          hosts: texts,
          tls: tls.nullish(),
        }),
      )
      .nullish(),
  }),
});

export type KubeServiceObject = z.infer<typeof kubeService>;
export type ServiceEntryObject = z.infer<typeof serviceEntry>;
export type DestinationRuleObject = z.infer<typeof destinationRule>;
export type VirtualServiceObject = z.infer<typeof virtualService>;
export type GatewayObject = z.infer<typeof gateway>;

import { z } from "zod";

/**
 * The fields of Istio and Kubernetes objects that decide where a TCP connection goes: read leniently, as `portreeve
 * validate` is there to say what Istio refuses. Source: `istio.io/api` networking/v1 and core/v1.
 */

const labels = z.record(z.string(), z.string()).nullish();
const texts = z.array(z.string()).nullish();
const number = z.number().int();

export const metadataSchema = z.object({
  name: z.string().min(1),
  namespace: z.string().nullish(),
  labels,
  annotations: labels,
  creationTimestamp: z.string().nullish(),
});

const portSelector = z.object({ number: number.nullish() }).nullish();
const destination = z.object({ host: z.string(), subset: z.string().nullish(), port: portSelector });
const routes = z.array(z.object({ destination, weight: number.nullish() })).nullish();
export type RouteDestinations = z.infer<typeof routes>;
export type WrittenDestination = z.infer<typeof destination>;

const l4Match = {
  gateways: texts,
  sourceLabels: labels,
  sourceNamespace: z.string().nullish(),
  port: number.nullish(),
  destinationSubnets: texts,
};
const tcpMatch = z.object(l4Match);
const tlsMatch = z.object({ ...l4Match, sniHosts: texts });
export type L4Match = z.infer<typeof tcpMatch>;

export const virtualServiceSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    hosts: texts,
    gateways: texts,
    exportTo: texts,
    tcp: z.array(z.object({ match: z.array(tcpMatch).nullish(), route: routes })).nullish(),
    tls: z.array(z.object({ match: z.array(tlsMatch).nullish(), route: routes })).nullish(),
    http: z
      .array(
        z.object({
          match: z.array(z.object({ sourceNamespace: z.string().nullish() })).nullish(),
          route: routes,
        }),
      )
      .nullish(),
  }),
});

const outboundTrafficPolicy = z.object({
  mode: z.string().nullish(),
  egressProxy: destination.nullish(),
});

export const sidecarSchema = z.object({
  metadata: metadataSchema,
  spec: z
    .object({
      workloadSelector: z.object({ labels }).nullish(),
      egress: z
        .array(
          z.object({
            port: z
              .object({
                number: number.nullish(),
                protocol: z.string().nullish(),
                name: z.string().nullish(),
              })
              .nullish(),
            bind: z.string().nullish(),
            captureMode: z.string().nullish(),
            hosts: texts,
          }),
        )
        .nullish(),
      ingress: z
        .array(
          z.object({
            port: z.object({ number, protocol: z.string().nullish(), name: z.string().nullish() }),
            defaultEndpoint: z.string().nullish(),
            captureMode: z.string().nullish(),
            tls: z.object({ mode: z.string().nullish() }).nullish(),
          }),
        )
        .nullish(),
      outboundTrafficPolicy: outboundTrafficPolicy.nullish(),
    })
    .nullish(),
});

export const gatewaySchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    selector: labels,
    servers: z
      .array(
        z.object({
          port: z.object({ number, protocol: z.string().nullish(), name: z.string().nullish() }),
          bind: z.string().nullish(),
          hosts: texts,
          tls: z.object({ mode: z.string().nullish() }).nullish(),
        }),
      )
      .nullish(),
  }),
});

const workloadEntry = z.object({
  address: z.string().nullish(),
  ports: z.record(z.string(), number).nullish(),
  labels,
  serviceAccount: z.string().nullish(),
});

export const workloadEntrySchema = z.object({ metadata: metadataSchema, spec: workloadEntry });

export const serviceEntrySchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    hosts: texts,
    addresses: texts,
    location: z.string().nullish(),
    resolution: z.string().nullish(),
    exportTo: texts,
    workloadSelector: z.object({ labels }).nullish(),
    endpoints: z.array(workloadEntry).nullish(),
    ports: z
      .array(
        z.object({
          number,
          name: z.string().nullish(),
          protocol: z.string().nullish(),
          targetPort: number.nullish(),
        }),
      )
      .nullish(),
  }),
  status: z
    .object({
      addresses: z.array(z.object({ value: z.string().nullish(), host: z.string().nullish() })).nullish(),
    })
    .nullish(),
});

export const serviceSchema = z.object({
  metadata: metadataSchema,
  spec: z
    .object({
      type: z.string().nullish(),
      externalName: z.string().nullish(),
      clusterIP: z.string().nullish(),
      clusterIPs: texts,
      selector: labels,
      ports: z
        .array(
          z.object({
            name: z.string().nullish(),
            port: number,
            protocol: z.string().nullish(),
            appProtocol: z.string().nullish(),
            targetPort: z.union([number, z.string()]).nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});

export const endpointSliceSchema = z.object({
  metadata: metadataSchema,
  endpoints: z.array(z.object({ addresses: texts })).nullish(),
  ports: z.array(z.object({ name: z.string().nullish(), port: number.nullish() })).nullish(),
});

export const podSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({ serviceAccountName: z.string().nullish() }).nullish(),
  status: z.object({ podIP: z.string().nullish(), phase: z.string().nullish() }).nullish(),
});

const envoyMatch = z
  .object({
    context: z.string().nullish(),
    listener: z
      .object({
        portNumber: number.nullish(),
        name: z.string().nullish(),
        filterChain: z.object({ sni: z.string().nullish(), destinationPort: number.nullish() }).nullish(),
      })
      .nullish(),
    cluster: z
      .object({
        portNumber: number.nullish(),
        service: z.string().nullish(),
        subset: z.string().nullish(),
        name: z.string().nullish(),
      })
      .nullish(),
  })
  .nullish();
export type EnvoyMatch = z.infer<typeof envoyMatch>;

export const envoyFilterSchema = z.object({
  metadata: metadataSchema,
  spec: z
    .object({
      workloadSelector: z.object({ labels }).nullish(),
      targetRefs: z.array(z.unknown()).nullish(),
      configPatches: z
        .array(
          z.object({
            applyTo: z.string().nullish(),
            match: envoyMatch,
            patch: z.object({ operation: z.string().nullish() }).nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});

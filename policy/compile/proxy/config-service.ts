import * as z from "zod";
import { duration, host, name, path, port } from "./config-scalar.ts";
import { keyPairSchema } from "./config-trust.ts";

/** What the endpoint is told about the client, before the client's first byte. */
const proxyProtocolOut = z.strictObject({
  version: z.literal("v2"),
  /**
   * Put the client's SPIFFE ID into a TLV of type `0xE1` (PP2_TYPE_MIN_CUSTOM + 1), UTF-8, without terminator.
   * @default false
   */
  spiffeId: z.boolean().default(false),
});

/** TLS from the proxy to the endpoint. For `postgres` and `mysql` it starts with the protocol's own upgrade. */
const upstreamTls = z.discriminatedUnion("mode", [
  z.strictObject({
    /** Plain TCP. */
    mode: z.literal("none"),
  }),
  z.strictObject({
    /** The endpoint's certificate is verified; the proxy shows none. */
    mode: z.literal("simple"),
    /** PEM file with the CAs to trust. @default the system's */
    ca: path.optional(),
    /** Name sent as SNI and verified against the certificate's DNS names. @default the endpoint's host */
    sni: host.optional(),
    /** Names accepted in the endpoint's certificate, any one of them. @default `sni` */
    subjectAltNames: z.array(host).min(1).optional(),
  }),
  z.strictObject({
    /** As `simple`, and the proxy shows a certificate too. */
    mode: z.literal("mutual"),
    ca: path.optional(),
    sni: host.optional(),
    subjectAltNames: z.array(host).min(1).optional(),
    /** The certificate shown. @default the proxy's own SVID */
    certificate: keyPairSchema.optional(),
    /**
     * SPIFFE IDs that the endpoint must have one of; then its DNS names are not verified and the trust bundles are
     * used instead of `ca`: how a STRICT mesh service is dialled. @default none
     */
    spiffeIds: z.array(z.string().startsWith("spiffe://")).default([]),
    /**
     * Port on which the endpoint's address takes HBONE: how a service behind ztunnel is dialled. TLS goes to this port,
     * and inside it a CONNECT to the same address and the service's target port. Without `spiffeIds` no peer is
     * accepted; TLS inside the protocol is not used. @default not: TLS to the target port
     */
    hbone: port.optional(),
  }),
]);

/** How the proxy logs in for its clients. Its tokens are made from the proxy's own AWS role; none is configured. */
const auth = z.discriminatedUnion("type", [
  z.strictObject({
    /** A token of RDS IAM authentication in the place of a password. For `postgres` and `mysql`. */
    type: z.literal("rds-iam"),
    /** AWS region of the database. */
    region: z.string().min(1),
    /** The database's endpoint as AWS named it, which the token is signed for. @default the endpoint's host */
    host: host.optional(),
  }),
  z.strictObject({
    /** A token of ElastiCache IAM authentication. For `redis`. */
    type: z.literal("elasticache-iam"),
    /** AWS region of the cache. */
    region: z.string().min(1),
    /** Name of the replication group, or of the serverless cache. */
    cache: z.string().min(1),
    /** @default false */
    serverless: z.boolean().default(false),
  }),
  z.strictObject({
    /**
     * No token: the server believes the proxy, by its client certificate (PostgreSQL: `hostssl … cert` with a map of users)
     * or its address, and asks for no password. For `postgres`.
     */
    type: z.literal("trust"),
  }),
]);

/** How an endpoint that fails is set aside. */
const outlier = z.strictObject({
  /** Failed dials in a row before it is set aside. @default 5 */
  consecutiveFailures: z.int().min(1).default(5),
  /** How long the first time; doubled each time in a row. @default 10s */
  baseEjection: duration.default(10_000),
  /** The longest it is set aside. @default 5m */
  maxEjection: duration.default(300_000),
  /**
   * Share of the endpoints that may be set aside at once, in percent; beyond it a failing one is dialled all the same,
   * because a wrong guess about all of them would be an outage of our own making. @default 50
   */
  maxEjectedPercent: z.int().min(0).max(100).default(50),
});

/** Bounds on a service's connections. A connection beyond a bound waits in the queue, then is refused. */
const serviceLimits = z.strictObject({
  /** Live connections to the service. @default no bound of its own */
  maxConnections: z.int().min(1).optional(),
  /** Live connections of one principal to the service. @default no bound */
  maxConnectionsPerPrincipal: z.int().min(1).optional(),
  /** Connections that may wait for a free place. @default 0: refused at once */
  queue: z.int().min(0).default(0),
  /** The longest wait in the queue. @default 5s */
  queueTimeout: duration.default(5_000),
  /** Bytes in both directions together after which a connection is ended. @default no bound */
  maxBytes: z.int().min(1).optional(),
});

/** A protocol spoken on a service's port: decides notes, TLS upgrades and who speaks first. */
export const protocolSchema = z.enum([
  "tcp",
  "tls",
  "postgres",
  "mysql",
  "redis",
  "mongo",
  "kafka",
  "grpc",
  "nats",
  "mqtt",
  "amqp",
  "smtp",
  "ldap",
  "ssh",
]);

/** A narrow TCP destination. */
export const serviceSchema = z.strictObject({
  name,
  /** Team or person who answers for it; told to a client's operator in refusals and records. */
  owner: z.string().optional(),
  /** The ports by which grants name it. */
  ports: z
    .array(
      z.strictObject({
        port,
        /** @default tcp */
        protocol: protocolSchema.default("tcp"),
        /** The endpoint's port, when it differs. @default the same */
        targetPort: port.optional(),
      }),
    )
    .min(1),
  /** Where to connect. Several are used by least connections. */
  endpoints: z
    .array(
      z.strictObject({
        host,
        /** For a service with one port only. @default the port's `targetPort` */
        port: port.optional(),
      }),
    )
    .min(1),
  /** Names in endpoints are resolved anew after their TTL, held within these bounds. */
  dns: z
    .strictObject({
      /** @default 5s */
      minTtl: duration.default(5_000),
      /** @default 5m */
      maxTtl: duration.default(300_000),
      /** Address families, in order of preference. @default both, IPv4 first */
      families: z
        .array(z.enum(["ipv4", "ipv6"]))
        .min(1)
        .default(["ipv4", "ipv6"]),
    })
    .prefault({}),
  /** @default none */
  tls: upstreamTls.default({ mode: "none" }),
  /** Needs `tls`, and `loginUsers` in every rule that allows. @default none: clients log in themselves */
  auth: auth.optional(),
  /**
   * TLS that begins inside the client's protocol, on this service's `mtls` and `tls` listeners. PostgreSQL (`SSLRequest`):
   * beside TLS from the first byte, the client chooses. MySQL: instead of it, since the server speaks first; so switch
   * it on for stock clients, and off where clients come through a tunnel of TLS.
   * @default true for postgres, false for mysql; not applicable to others
   */
  inlineTls: z.boolean().optional(),
  /** From the verdict to an established connection, TLS included, all endpoints tried. @default 5s */
  connectTimeout: duration.default(5_000),
  /** Without a byte either way. @default 1h, Istio's default */
  idleTimeout: duration.default(3_600_000),
  /** Of one connection, whatever it does. @default no bound */
  maxDuration: duration.optional(),
  /** After one side has closed, how long the other may still send. @default 5m */
  halfCloseTimeout: duration.default(300_000),
  /** TCP keepalive to the endpoint and to the client: idle time before the first probe. @default 60s; `0s` is off */
  keepalive: duration.default(60_000),
  limits: serviceLimits.prefault({}),
  outlier: outlier.prefault({}),
  /** Announce the client to the endpoint. @default not */
  proxyProtocol: proxyProtocolOut.optional(),
  /** `required`: no connection without a record being written; `none`: no record. @default standard */
  audit: z.enum(["required", "standard", "none"]).default("standard"),
  /** Read user, database and client names from the first bytes into the record. @default true */
  notes: z.boolean().default(true),
  /** Labels for metrics: the mesh's name of the service. */
  mesh: z
    .strictObject({
      /** Host, such as `orders-db.shop.svc.cluster.local` or `db.example.com`. @default the first endpoint's host */
      host: z.string().optional(),
      /** @default unknown */
      namespace: z.string().optional(),
    })
    .prefault({}),
});

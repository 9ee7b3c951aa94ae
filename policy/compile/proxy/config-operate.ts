import * as z from "zod";
import { bindAddress, byteSize, duration, path, port } from "./config-scalar.ts";

/** Where records go. */
const auditSink = z.discriminatedUnion("type", [
  z.strictObject({
    /** One JSON object a line on standard output. */
    type: z.literal("stdout"),
  }),
  z.strictObject({
    /** One JSON object a line, appended. */
    type: z.literal("file"),
    path,
    /** Rotated to `path.1`, `path.2`, … when it would grow beyond this. @default 100MiB */
    maxBytes: byteSize.default(100 * 1024 * 1024),
    /** Rotated files kept. @default 5 */
    maxFiles: z.int().min(1).max(1000).default(5),
    /**
     * `never` leaves flushing to the kernel; `interval` syncs at most once a second; `always` syncs every batch before
     * a connection that needs a record is let through. @default interval
     */
    fsync: z.enum(["never", "interval", "always"]).default("interval"),
  }),
  z.strictObject({
    /** OTLP logs over HTTP. */
    type: z.literal("otlp"),
    endpoint: z.url(),
  }),
]);

/** The record of who touched the port. */
export const auditSchema = z.strictObject({
  /** @default stdout */
  sinks: z
    .array(auditSink)
    .min(1)
    .default([{ type: "stdout" }]),
  /**
   * For all services: a new connection is refused while records cannot be written. Without it a sink that fails loses
   * records, which are counted. @default false
   */
  required: z.boolean().default(false),
  /** Records held in memory while a sink is slow; beyond it the oldest policy applies: refuse or drop. @default 10000 */
  queue: z.int().min(1).default(10_000),
  /**
   * Numbers and hashes the lines of each process, so that `portreeve audit verify` finds what was changed, removed,
   * reordered or inserted. @default true
   */
  chain: z.boolean().default(true),
  /** Signed checkpoints in the chain: who can write the file, but has not this key, cannot write the past anew. @default none */
  signing: z
    .strictObject({
      /** An Ed25519 private key, PEM (PKCS #8). Read at the start; a change takes effect at the next one. */
      keyFile: path,
      /** Lines between two checkpoints. @default 1000 */
      every: z.int().min(1).default(1_000),
      /** And at least so often while there are records. @default 1m */
      interval: duration.default(60_000),
    })
    .optional(),
  /** A connection that lives longer gets an `update` record this often. @default 5m; `0s` is off */
  updateInterval: duration.default(300_000),
});

const endpoint = z.strictObject({ bind: bindAddress.default("0.0.0.0"), port });

/** Prometheus metrics and the probes. */
export const metricsSchema = z.strictObject({
  ...endpoint.shape,
  /** Serves `/metrics`, `/readyz` and `/livez`. @default 15090 */
  port: port.default(15_090),
  /** Label sets kept for one metric; more are counted together under `overflow`. @default 2000 */
  maxSeries: z.int().min(10).default(2_000),
  /** Export the same metrics as OTLP over HTTP as well. @default not */
  otlp: z
    .strictObject({
      /** Base address of the collector, such as `http://collector.example.com:4318`; `/v1/metrics` is added. */
      endpoint: z.url({ protocol: /^https?$/ }),
      /** Between two exports, and a last one when the process ends. @default 1m */
      interval: duration.default(60_000),
    })
    .optional(),
});

/** The admin interface: on loopback or a Unix socket only, because it can close connections. */
export const adminSchema = z.union([
  z.strictObject({
    /** Path of the socket, made with mode 0600. */
    socket: path,
  }),
  z.strictObject({
    /** @default 127.0.0.1 */
    bind: bindAddress.default("127.0.0.1"),
    port,
  }),
]);

/** Bounds on the whole proxy: with several workers, on all of them together. */
export const processLimitsSchema = z.strictObject({
  /**
   * Live connections, handshakes included; several workers have equal parts of it. @default 100000, or what the file
   * descriptor limit of each process allows
   */
  maxConnections: z.int().min(1).default(100_000),
  /**
   * Connections that have not yet proved who they are, without those that wait for an identity provider; several workers
   * have equal parts of it. @default 4096
   */
  maxHandshakes: z.int().min(1).default(4_096),
  /**
   * From accept to a verified identity, PROXY header included, without the time that an identity provider takes. A slow one
   * is closed. @default 10s
   */
  handshakeTimeout: duration.default(10_000),
  /**
   * Clients that wait until an identity provider answers, a quarter of them from one address (IPv6: one /64) at most;
   * several workers have equal parts of it. @default 1024
   */
  maxCredentialWaits: z.int().min(1).default(1_024),
  /** How long a client waits for an identity provider. @default 10s */
  credentialTimeout: duration.default(10_000),
  /** Live connections of one principal over all services. @default no bound */
  maxConnectionsPerPrincipal: z.int().min(1).optional(),
  /** Bytes held for one direction of one connection before its sender is paused. @default 256KiB */
  bufferBytes: byteSize.default(256 * 1024),
});

/** How a process ends. */
export const drainSchema = z.strictObject({
  /** After SIGTERM, live connections may go on this long; then they are closed, each with its record. @default 30s */
  deadline: duration.default(30_000),
  /** Not ready but still accepting, so that balancers notice first. @default 0s */
  delay: duration.default(0),
});

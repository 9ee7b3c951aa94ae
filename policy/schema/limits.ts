import { z } from "zod";
import { duration } from "./primitives.ts";

const count = z
  .number()
  .int("write a whole number")
  .min(1, "at least 1")
  .max(10_000_000, "at most 10,000,000");

/** TCP keepalive probes. */
export const tcpKeepalive = z
  .strictObject({
    time: duration
      .optional()
      .describe("Idle time before the first probe. @default the operating system's, usually 2h"),
    interval: duration
      .optional()
      .describe("Time between probes. @default the operating system's, usually 75s"),
    probes: count
      .optional()
      .describe(
        "Probes without an answer before the connection counts as dead. @default the operating system's, usually 9",
      ),
  })
  .describe("TCP keepalive, so that a dead peer or a silent firewall is noticed.");

/** Limits of one Service, enforced where its connections pass. */
export const serviceLimits = z
  .strictObject({
    maxConnections: count
      .optional()
      .describe("Connections at one time, per enforcement point instance. @default no limit"),
    connectTimeout: duration
      .optional()
      .describe("Time to establish a TCP connection to the service. @default 10s"),
    idleTimeout: duration
      .optional()
      .describe(
        "A connection without a byte either way for this long is closed. @default 1h, as in Istio; long database sessions want more",
      ),
    maxConnectionDuration: duration
      .optional()
      .describe("A connection older than this is closed, busy or not. @default no limit"),
    tcpKeepalive: tcpKeepalive.optional(),
  })
  .describe(
    "Connection limits. They cut or keep long sessions, so they are explicit (Istio's idle timeout is one hour when unset).",
  );

/** Limits of one principal under a Grant or of an Agent; only the proxy can enforce them. */
export const principalLimits = z
  .strictObject({
    maxConnections: count.optional().describe("Connections at one time per principal. @default no limit"),
    connectionsPerMinute: count
      .optional()
      .describe("New connections per minute per principal. @default no limit"),
    maxBytes: z
      .number()
      .int()
      .min(1)
      .optional()
      .describe("Bytes both ways in one connection, after which it is closed. @default no limit"),
    maxConnectionDuration: duration
      .optional()
      .describe("Session time: a connection older than this is closed. @default the service's"),
  })
  .describe(
    "Limits per principal; a grant with limits is enforced by the proxy alone, because a mesh cannot count per principal.",
  );

import * as z from "zod";
import { cidr, duration, instant, name, port, position, spiffeId, trustDomain } from "./config-scalar.ts";

/** Identities that a rule names. An entry of any list matches: they are OR-ed. */
export const subjectsSchema = z.strictObject({
  /** SPIFFE IDs, exact and case-sensitive, in the real trust domain (never an alias). */
  workloads: z.array(spiffeId).default([]),
  /** All workloads of a namespace. */
  namespaces: z.array(z.strictObject({ trustDomain, namespace: name })).default([]),
  /** Source addresses: they satisfy only the transport link of a chain, never a person or an agent. */
  cidrs: z.array(cidr).default([]),
  /** `provider:user`, such as `okta:alice@example.com`. */
  users: z.array(z.string().includes(":")).default([]),
  /** `provider:group`, such as `okta:dba`. */
  idpGroups: z.array(z.string().includes(":")).default([]),
  /** ARNs of IAM roles, without session name: `arn:aws:iam::123456789012:role/dba`. */
  awsRoles: z.array(z.string().startsWith("arn:")).default([]),
  /** Names of agents. */
  agents: z.array(name).default([]),
});

/** Conditions, AND-ed; a list inside is OR-ed. */
export const whenSchema = z.strictObject({
  /** The rule does not exist before this instant. */
  notBefore: instant.optional(),
  /** The rule ends at this instant: live connections that only it allowed are closed then. */
  expires: instant.optional(),
  /** Client address, after PROXY protocol. */
  sourceCidrs: z.array(cidr).min(1).optional(),
  /** Server name in the client's TLS. */
  sni: z.array(z.string().min(1)).min(1).optional(),
});

/** One compiled grant. A deny that matches any link of a chain wins; every link that is asserted needs an allow. */
export const ruleSchema = z.strictObject({
  /** The grant's name: in the record, in metrics, in what a refused client's operator reads. */
  id: name,
  action: z.enum(["allow", "deny"]),
  /** Name of the service. */
  service: name,
  /** Ports of the service. @default all of them */
  ports: z.array(port).min(1).optional(),
  subjects: subjectsSchema,
  when: whenSchema.prefault({}),
  /**
   * Users that the proxy may log in as for whom this rule allows, where the service has `auth`. A client gets the one that
   * it asks for if it is among them, otherwise the first. @default none: the rule opens no login
   */
  loginUsers: z.array(z.string().min(1).max(128)).min(1).optional(),
  /** Bounds on the connections that this rule allows. */
  limits: z
    .strictObject({
      /** Live connections allowed by the rule, all clients together. */
      maxConnections: z.int().min(1).optional(),
      /** Live connections allowed by the rule, of each principal. */
      maxConnectionsPerPrincipal: z.int().min(1).optional(),
      /** New connections allowed by the rule in any minute, of each principal. */
      connectionsPerMinutePerPrincipal: z.int().min(1).optional(),
      /** Of one connection. */
      maxDuration: duration.optional(),
      /** Bytes of one connection, both directions together. */
      maxBytes: z.int().min(1).optional(),
    })
    .prefault({}),
  /** Where the grant was written. */
  origin: position.optional(),
});

/** An AI agent or script, as the proxy needs to know it. */
export const agentSchema = z.strictObject({
  /** As named by rules. */
  name,
  /** Who answers for it: `provider:user` or `provider:group`. */
  owner: z.string().min(1),
  /** SPIFFE IDs by which it may identify itself. */
  workloads: z.array(spiffeId).default([]),
  /** The one user that it acts for, `provider:user`, taken when the connection asserts no person. */
  onBehalfOfUser: z.string().includes(":").optional(),
  /** Users and IdP groups that it may act for. @default nobody */
  onBehalfOf: z
    .strictObject({
      users: z.array(z.string().includes(":")).default([]),
      idpGroups: z.array(z.string().includes(":")).default([]),
    })
    .prefault({}),
  /** Token subjects by which it may identify itself, as `provider:subject`. */
  tokens: z.array(z.string().includes(":")).default([]),
  /** After this instant it is nobody. */
  expires: instant.optional(),
  /** Live connections at once. @default no bound */
  maxConnections: z.int().min(1).optional(),
  /** New connections in any minute. @default no bound */
  connectionsPerMinute: z.int().min(1).optional(),
  /** Of one connection. @default the service's */
  maxDuration: duration.optional(),
  /** Bytes of one connection, both directions together. @default the service's */
  maxBytes: z.int().min(1).optional(),
  /** Killed: every connection is ended and none is allowed. @default false */
  disabled: z.boolean().default(false),
});

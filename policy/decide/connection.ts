import type { Via } from "./rule.ts";

/** A person, or an IAM role that a person or script has taken. */
export interface Person {
  /** `provider:user`, e.g. okta:alice@example.com. */
  readonly user?: string | undefined;
  /** `provider:group` for each group in the verified token. */
  readonly groups?: readonly string[] | undefined;
  /** ARN of the IAM role, normalised from the session's ARN. */
  readonly awsRole?: string | undefined;
}

/** Who is at the other end: each link was verified by the enforcement point before it asks. */
export interface PrincipalChain {
  /** SPIFFE ID of the peer; absent for a peer without a verified certificate. */
  readonly workload?: string | undefined;
  /** The person or role behind the peer; absent where none was proven. */
  readonly person?: Person | undefined;
  /** Name of the agent. */
  readonly agent?: string | undefined;
}

/** One connection, as an enforcement point sees it before it dials the service. */
export interface Connection {
  /** Who asks. */
  readonly via: Via;
  /** Name of the Service. */
  readonly service: string;
  /** Port as clients use it. */
  readonly port: number;
  /** Who is at the other end. */
  readonly principal: PrincipalChain;
  /** Address of the peer; conditions on addresses never hold without one. */
  readonly sourceIp?: string | undefined;
  /** Server name of the client's own TLS. */
  readonly sni?: string | undefined;
}

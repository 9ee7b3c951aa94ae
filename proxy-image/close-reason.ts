/** Why a connection ended. Stable: in records and metrics. */
export type CloseReason =
  /** The client said that it was done, or closed. */
  | "client-closed"
  /** The endpoint did. */
  | "upstream-closed"
  | "client-reset"
  | "upstream-reset"
  /** No grant, or a deny. */
  | "denied"
  /** A grant was withdrawn, expired, or its trust bundle went, while the connection lived. */
  | "access-lost"
  /** The credential by which the client was identified has ended. */
  | "credential-expired"
  /** An operator has revoked whom the client was identified as. */
  | "revoked"
  /** What the client showed to say who it is (a token, a signed request) is not accepted. */
  | "credential-refused"
  /** The proxy itself answered a question about access; nothing was to be connected. */
  | "answered"
  /** TLS did not succeed, or the certificate names nobody. */
  | "handshake-failed"
  | "handshake-timeout"
  /** A PROXY header from a stranger, none from a balancer, or one that is malformed. */
  | "proxy-header-refused"
  /** The first bytes are not what this port speaks. */
  | "protocol-refused"
  /** A bound of the process, the service, the principal or the rule. */
  | "limit"
  | "queue-timeout"
  | "connect-failed"
  | "connect-timeout"
  /** The proxy logs in for its clients, and has no credential for this one. */
  | "credential-unavailable"
  /** The endpoint refused the login that the proxy made for the client. */
  | "login-refused"
  | "idle-timeout"
  | "max-duration"
  | "half-close-timeout"
  | "byte-limit"
  /** `audit: required`, and records cannot be written. */
  | "audit-unavailable"
  | "drain-deadline"
  /** A mistake in the proxy's own program. The process's log has it; the connection does not go on. */
  | "internal-error"
  /** Closed by an operator. */
  | "admin";

/** Envoy's response flags, which Istio's dashboards filter by; `-` where Envoy sets none. */
export function responseFlags(reason: CloseReason): string {
  switch (reason) {
    case "limit":
    case "queue-timeout":
      return "UO";
    case "connect-failed":
    case "connect-timeout":
      return "UF";
    case "upstream-reset":
      return "UC";
    case "client-reset":
      return "DC";
    case "max-duration":
      return "DT";
    case "idle-timeout":
    case "half-close-timeout":
      return "SI";
    case "credential-unavailable":
    case "login-refused":
    case "handshake-failed":
    case "handshake-timeout":
    case "proxy-header-refused":
    case "protocol-refused":
    case "client-closed":
    case "upstream-closed":
    case "denied":
    case "access-lost":
    case "credential-expired":
    case "revoked":
    case "credential-refused":
    case "answered":
    case "byte-limit":
    case "internal-error":
    case "audit-unavailable":
    case "drain-deadline":
    case "admin":
      return "-";
  }
}

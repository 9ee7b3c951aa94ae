import type { Position } from "../finding.ts";

/** Why a verdict fell, stable for logs and metrics. */
export type Reason =
  /** An allow rule matched every link of the chain. */
  | "allowed"
  /** A deny rule matched. */
  | "denied-by-rule"
  /** No allow rule matches the peer itself: its workload identity, or its address. */
  | "no-grant-for-workload"
  /** No allow rule matches the person or role. */
  | "no-grant-for-person"
  /** No allow rule matches the agent. */
  | "no-grant-for-agent"
  /** The agent is unknown, expired, or acts for somebody it may not act for. */
  | "agent-not-valid"
  /** The service accepts no connection without a certificate. */
  | "plaintext"
  /** There is no such service. */
  | "unknown-service"
  /** The service has no such port. */
  | "unknown-port";

/** Allow or deny, with what decided it. */
export interface Verdict {
  /** Whether the connection may be made. */
  readonly verdict: "allow" | "deny";
  /** Why. */
  readonly reason: Reason;
  /** The grant that decided: the deny, or the allow that matched the innermost link. Null when no rule matched. */
  readonly rule: string | null;
  /** All rules the verdict rests on, one a link. */
  readonly rules: readonly string[];
  /** Where the deciding grant was written. */
  readonly position?: Position | undefined;
}

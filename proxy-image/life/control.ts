import type { Verdict } from "../../policy/decide/index.ts";
import type { Revocation } from "../credentials/revocations.ts";
import type { SeriesSnapshot } from "../metrics/series.ts";
import type { ReloadResult } from "./reload.ts";

/** A live connection, as the admin interface shows it. */
export interface LiveConnection {
  readonly id: string;
  readonly since: string;
  readonly phase: string;
  readonly listener: string;
  readonly source: string;
  readonly principal: unknown;
  readonly service: string | undefined;
  readonly port: number;
  readonly upstream: string | undefined;
  readonly rule: string | null;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface VerdictQuestion {
  readonly service: string;
  readonly port: number;
  readonly workload?: string | undefined;
  readonly sourceIp: string;
  readonly sni?: string | undefined;
}

/** What operators can ask of a proxy and tell it, whether it is one process or several. */
export interface Control {
  /** Why it is not ready; empty when it is. */
  notReady(): Promise<string[]>;
  metrics(): Promise<SeriesSnapshot>;
  connections(): Promise<LiveConnection[]>;
  /**
   * Ends every connection of an agent, user or role, or one connection, and refuses whom it names from then on. Resolves
   * to how many were ended; rejects when there are too many revocations already.
   */
  revoke(revocation: Revocation): Promise<number>;
  /** Ends one connection; false when there is none of that id. */
  close(id: string): Promise<boolean>;
  policy(): Promise<{ digest: string; commit: string | undefined; lastReloadError: string | undefined }>;
  verdict(question: VerdictQuestion): Promise<Verdict>;
  reload(): Promise<ReloadResult>;
  setLogLevel(level: "debug" | "info" | "warn" | "error"): Promise<void>;
}

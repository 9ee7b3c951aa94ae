/**
 * Istio's own answer about groups of connections: the oracle (test/toolchain/go/istio/oracle, `-cases`), kept running
 * and asked one group at a time over its standard input and output.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { PolicySet, TcpConnection } from "../../policy/istio/authorization/index.ts";
import type { DecidedBy } from "../../policy/istio/authorization/types.ts";
import { part } from "../toolchain/parts.ts";

/** One workload with its policies, and the connections to judge. */
export interface Group {
  readonly set: PolicySet;
  readonly connections: readonly TcpConnection[];
}

/** What decided: a PeerAuthentication, a policy with this action, or nothing (no policy applies). */
export type Step = "peer-authentication" | "CUSTOM" | "DENY" | "ALLOW";

export interface OracleVerdict {
  readonly verdict: "allow" | "deny";
  readonly by: DecidedBy | null;
  readonly step?: Step;
}

interface OracleAnswer {
  readonly error?: string;
  readonly results?: readonly OracleVerdict[];
  readonly filters?: readonly unknown[];
}

export interface Oracle {
  readonly ask: (group: Group) => Promise<readonly OracleVerdict[]>;
  /** The RBAC filters that istiod gives the workload's sidecar, as JSON that Envoy reads. */
  readonly filters: (group: Group) => Promise<readonly unknown[]>;
  readonly close: () => Promise<void>;
}

export async function startOracle(): Promise<Oracle> {
  const { path } = await part("oracle");
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(path, ["-cases"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => {
      for (const { reject } of waiting.splice(0)) reject(new Error("the oracle ended before it answered"));
      resolve();
    });
  });
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.resolve(line));
  let number = 0;
  const answer = async (group: Group, more: object): Promise<OracleAnswer> => {
    const line = new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }));
    child.stdin.write(`${JSON.stringify({ ...toLine(group, number++), ...more })}\n`);
    const answer = JSON.parse(await line) as OracleAnswer;
    if (answer.error !== undefined) throw new Error(`oracle: ${answer.error}`);
    return answer;
  };
  return {
    ask: async (group) => (await answer(group, {})).results ?? [],
    filters: async (group) => (await answer(group, { filters: true })).filters ?? [],
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

function toLine({ set, connections }: Group, number: number): object {
  const { dataplane, policies, workload, mesh, authorizer } = set;
  return {
    id: String(number),
    dataplane,
    policies,
    workload,
    mesh,
    authorizer: authorizer ?? "deny",
    connections,
  };
}

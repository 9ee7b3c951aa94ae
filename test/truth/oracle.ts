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
}

export interface Oracle {
  readonly ask: (group: Group) => Promise<readonly OracleVerdict[]>;
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
  return {
    ask: async (group) => {
      const line = new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }));
      child.stdin.write(`${JSON.stringify(toLine(group, number++))}\n`);
      const answer = JSON.parse(await line) as OracleAnswer;
      if (answer.results === undefined) throw new Error(`oracle: ${answer.error ?? "no results"}`);
      return answer.results;
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

function toLine({ set, connections }: Group, number: number): unknown {
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

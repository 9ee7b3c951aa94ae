/**
 * What istiod configures proxies with for whole worlds of objects: the oracle (test/toolchain/go/istio/oracle, `-worlds`),
 * kept running and asked one world at a time. It cuts the configuration down, and does not interpret it.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { OracleProxy } from "../istio/oracle.ts";
import { part } from "../toolchain/parts.ts";

export interface XdsChain {
  readonly ranges?: readonly string[];
  readonly serverNames?: readonly string[];
  readonly transport?: string;
  readonly applications?: readonly string[];
  readonly port?: number;
  /** What the chain terminates; absent for none. */
  readonly tls?: "SIMPLE" | "MUTUAL" | "ISTIO_MUTUAL";
  readonly http?: boolean;
  readonly clusters?: Readonly<Record<string, number>>;
}

export interface XdsListener {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly original?: boolean;
  readonly binds?: boolean;
  readonly filters?: readonly string[];
  readonly chains: readonly XdsChain[];
  readonly default?: XdsChain;
}

export interface XdsEndpoint {
  readonly address: string;
  readonly port: number;
  readonly tlsMode?: string;
  readonly mode: "plaintext" | "ISTIO_MUTUAL" | "SIMPLE" | "MUTUAL";
}

export interface XdsCluster {
  readonly name: string;
  readonly type: string;
  readonly mode: XdsEndpoint["mode"];
  readonly endpoints?: readonly XdsEndpoint[];
  readonly port?: number;
}

export interface XdsProxy {
  readonly listeners: readonly XdsListener[];
  readonly clusters: readonly XdsCluster[];
}

export interface XdsWorld {
  readonly objects: readonly unknown[];
  readonly proxies: readonly (OracleProxy & { readonly dnsCapture?: boolean })[];
  /** As YAML. */
  readonly meshConfig: string;
}

interface Answer {
  readonly error?: string;
  readonly proxies?: Readonly<Record<string, XdsProxy>>;
}

export interface XdsOracle {
  /** By the proxy's name. @throws when istiod does not take the world. */
  readonly ask: (world: XdsWorld) => Promise<Readonly<Record<string, XdsProxy>>>;
  readonly close: () => Promise<void>;
}

export async function startXdsOracle(): Promise<XdsOracle> {
  const { path } = await part("oracle");
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(path, ["-worlds"], {
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
    ask: async (world) => {
      const line = new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }));
      child.stdin.write(`${JSON.stringify({ id: String(number++), ...world })}\n`);
      const answer = JSON.parse(await line) as Answer;
      if (answer.error !== undefined) throw new Error(`oracle: ${answer.error}`);
      return answer.proxies ?? {};
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/**
 * What the real thing says about an object: a program made of the API server's own libraries and of Istio's webhook
 * (test/toolchain/go/…/validator), kept running and asked one object at a time over its standard input and output.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { ValidationVerdict } from "../../policy/istio/validation/index.ts";
import { part } from "../toolchain/parts.ts";

export interface RealAnswer {
  readonly verdict: ValidationVerdict;
  readonly reasons: readonly string[];
}

export interface RealValidator {
  readonly ask: (object: unknown) => Promise<RealAnswer>;
  readonly close: () => Promise<void>;
}

/** Of Istio's kinds. */
export async function startIstioValidator(): Promise<RealValidator> {
  const crds = await part("istio-crds");
  const validator = await part("istio-validator");
  return start(validator.path, ["-crds", crds.path]);
}

/** Of NetworkPolicy. */
export async function startNetworkPolicyValidator(): Promise<RealValidator> {
  return start((await part("network-policy-validator")).path, []);
}

function start(path: string, args: readonly string[]): RealValidator {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(path, args, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => {
      for (const { reject } of waiting.splice(0)) reject(new Error("the validator ended before it answered"));
      resolve();
    });
  });
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.resolve(line));
  return {
    ask: async (object) => {
      const line = new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }));
      child.stdin.write(`${JSON.stringify({ id: "", object })}\n`);
      return JSON.parse(await line) as RealAnswer;
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** The part `workload-api` for tests: told what to answer, line by line. */
import { type ChildProcess, spawn } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createInterface } from "node:readline";
import type { Authority, Issued } from "../../proxy-image/dev/certificates.ts";
import type { Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { part } from "../toolchain/parts.ts";

export interface Offer {
  readonly id: string;
  readonly leaf: Issued;
  readonly bundle: Authority;
  readonly hint?: string;
}

export interface WorkloadApiServer {
  /** Streams that were opened, since the server started. */
  streams(): number;
  /** Sends this to every open stream, and to each that is opened later. */
  offer(offers: readonly Offer[], federated?: Readonly<Record<string, Authority>>): void;
  /** Ends every stream with a status, and each that is opened later. */
  refuse(code: number, message: string): void;
  stop(): Promise<void>;
}

export async function startWorkloadApi(scope: Scope, socket: string): Promise<WorkloadApiServer> {
  const { path } = await part("workload-api");
  const child = spawn(path, [socket], { stdio: ["pipe", "pipe", "inherit"] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const stop = () => stopped(child);
  scope.onStop(stop);
  await until("the Workload API", 10, () => lines.includes("listening"));
  const say = (answer: unknown) => void child.stdin.write(`${JSON.stringify(answer)}\n`);
  return {
    streams: () => lines.filter((line) => line === "stream").length,
    offer: (offers, federated = {}) =>
      say({
        svids: offers.map(({ id, leaf, bundle, hint }) => ({
          id,
          chain: derOf(leaf.cert),
          key: createPrivateKey(leaf.key).export({ type: "pkcs8", format: "der" }).toString("base64"),
          bundle: derOf(bundle.cert),
          hint: hint ?? "",
        })),
        federated: Object.fromEntries(
          Object.entries(federated).map(([domain, authority]) => [domain, derOf(authority.cert)]),
        ),
      }),
    refuse: (code, message) => say({ code, message }),
    stop,
  };
}

function derOf(pem: string): string {
  return new X509Certificate(pem).raw.toString("base64");
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => {
    child.once("exit", done);
  });
  child.kill("SIGKILL");
  await gone;
}

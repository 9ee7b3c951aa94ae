/** What `npm run soak` does to the proxy: its configuration, and one batch of each kind. */
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createLeaf } from "../../../proxy-image/dev/certificates.ts";
import type { Scope } from "../../cluster/scope.ts";
import { API, OTHER, startProxy, type TestProxy } from "../harness.ts";
import { hostileInput, random } from "../hostile-corpus.ts";
import { generate } from "./generator.ts";
import { heldEnvironment } from "./held.ts";

const PORTS = { mtls: 20_001, plain: 20_002, refused: 20_003, backend: 20_004 };

/** `reloads`: of certificates, with nobody connected; every other batch is followed by one of the configuration. */
export type Kind = "plain" | "mtls" | "resumed" | "refused" | "reloads";

/** One cycle. Plain ones are the cheapest, and so most of the connections. */
export const CYCLE: readonly Kind[] = ["reloads", "plain", "mtls", "plain", "resumed", "plain", "refused"];

/** Hostile connections of a batch, and how many at a time. */
const HOSTILE = 300;
const LANES = 20;

/** Certificates of a batch. */
const CERTIFICATES = 5;

export class Batches {
  readonly proxy: TestProxy;
  readonly #generator: string;
  readonly #seconds: number;
  #seed = 0;
  #reloads = 0;

  /** @param seconds of one batch */
  constructor(proxy: TestProxy, generator: string, seconds: number) {
    this.proxy = proxy;
    this.#generator = generator;
    this.#seconds = seconds;
  }

  /** Reloads so far. */
  get reloads(): number {
    return this.#reloads;
  }

  /** Resolves with how many connections it asked for that it knows of; the proxy's own count is what is reported. */
  async run(kind: Kind): Promise<number> {
    switch (kind) {
      case "plain":
        return this.#load({ port: PORTS.plain, tls: false, connections: 64 });
      case "mtls":
        return this.#load({ port: PORTS.mtls, tls: true, connections: 32 });
      case "resumed":
        return this.#load({ port: PORTS.mtls, tls: true, connections: 32, resume: true });
      case "refused":
        return this.#strangers();
      case "reloads":
        for (let count = 0; count < CERTIFICATES; count++) {
          this.#newCertificate();
          await this.reload();
        }
        return 0;
    }
  }

  /** Puts another configuration into force. */
  async reload(): Promise<void> {
    this.#reloads += 1;
    const digest = `soak-${this.#reloads}`;
    const { result, error } = await this.proxy.reconfigure((config) => ({ ...config, policy: { digest } }));
    if (result !== "applied") throw new Error(`the reload was ${result}: ${error}`);
  }

  #newCertificate(): void {
    const own = createLeaf("proxy", this.proxy.ca, {
      uris: ["spiffe://test.org/ns/portreeve/sa/proxy"],
      dnsNames: ["localhost"],
    });
    writeFileSync(join(this.proxy.dir, "proxy.key.pem"), own.key);
    writeFileSync(join(this.proxy.dir, "proxy.cert.pem"), own.cert);
  }

  /** One in a thousand may fail: those under way when the generator ends. */
  async #load(load: { port: number; tls: boolean; connections: number; resume?: boolean }): Promise<number> {
    const { succeeded, failed, resumed } = await generate(this.#generator, {
      backend: PORTS.backend,
      seconds: this.#seconds,
      certificates: this.proxy.dir,
      resume: false,
      ...load,
    });
    if (load.resume && resumed === 0) throw new Error("no session was resumed");
    if (succeeded === 0 || failed > succeeded / 1_000)
      throw new Error(`${failed} failed, and ${succeeded} did not`);
    return succeeded;
  }

  /** Bytes that no port speaks, to each port. */
  async #strangers(): Promise<number> {
    this.#seed += 1;
    const next = random(this.#seed);
    const lane = async () => {
      for (let index = 0; index < HOSTILE / LANES; index++) {
        const port = next(2) === 0 ? PORTS.mtls : PORTS.refused;
        await sendTo(port, hostileInput(next).bytes);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return HOSTILE;
  }
}

function sendTo(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((done) => {
    const socket = connect({ host: "127.0.0.1", port }, () => socket.end(bytes));
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.once("close", () => done());
    socket.resume();
  });
}

/** @param heldFile where the proxy writes what it holds */
export async function startSoaked(scope: Scope, heldFile: string): Promise<TestProxy> {
  const parts = {
    listeners: [
      { name: "mtls", mode: "mtls", bind: "127.0.0.1", port: PORTS.mtls, service: "echo" },
      { name: "plain", mode: "plaintext-loopback", port: PORTS.plain, service: "echo" },
      { name: "refused", mode: "mtls", bind: "127.0.0.1", port: PORTS.refused, service: "other" },
    ],
    services: ["echo", "other"].map((name) => ({
      name,
      ports: [{ port: 7 }],
      endpoints: [{ host: "127.0.0.1", port: PORTS.backend }],
    })),
    rules: [
      { id: "api", action: "allow", service: "echo", subjects: { workloads: [API] } },
      { id: "loopback", action: "allow", service: "echo", subjects: { cidrs: ["127.0.0.0/8"] } },
      { id: "other", action: "allow", service: "other", subjects: { workloads: [OTHER] } },
    ],
    limits: { handshakeTimeout: "2s" },
  } satisfies Parameters<typeof startProxy>[1];
  const proxy = await startProxy(scope, parts, "proxy", heldEnvironment(heldFile));
  const client = proxy.client(API);
  writeFileSync(join(scope.dir, "client.pem"), client.cert);
  writeFileSync(join(scope.dir, "client.key"), client.key);
  return proxy;
}

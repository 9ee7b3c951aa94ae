import { X509Certificate } from "node:crypto";
import { Memory } from "../native/libc.ts";
import { type Handle, requireRustls } from "./library.ts";

/** How a port does TLS. Texts are PEM. */
export interface ServerTlsOptions {
  readonly cert: string;
  readonly key: string;
  /** Whose clients are taken: certificates of CAs. */
  readonly roots: readonly string[];
  /** Clients are not asked for a certificate, may have none, or must have one. */
  readonly client: "none" | "optional" | "required";
  /** TLS 1.2 beside 1.3. */
  readonly tls12: boolean;
}

interface Root {
  readonly pem: string;
  /** Epoch milliseconds. */
  readonly from: number;
  readonly until: number;
}

const CLIENT = { none: 0, optional: 1, required: 2 } as const;

const text = new TextEncoder();

/** Longest sentence about why there can be no configuration. */
const WHY_BYTES = 512;

/**
 * TLS of one open port. Its tickets are sealed with keys of its own, so that none resumes at the port that replaces it.
 *
 * rustls does not ask whether a root is valid, only what it signed; so those that are not are left out, and the
 * configuration is made anew when one begins or ends, which its tickets do not outlive either.
 */
export class ServerTls {
  readonly #options: ServerTlsOptions;
  readonly #roots: readonly Root[];
  #config: Handle | undefined;
  #changesAt = 0;

  /** @throws when TLS cannot be done with these; says why */
  constructor(options: ServerTlsOptions, now: number) {
    this.#options = options;
    this.#roots = options.client === "none" ? [] : options.roots.map(readRoot);
    this.#renew(now);
  }

  /**
   * A session; whoever has it frees it.
   *
   * @param now epoch milliseconds
   * @throws when there can be none, as while no root is valid
   */
  open(now: number): Handle {
    if (now >= this.#changesAt) this.#renew(now);
    if (!this.#config) throw new Error("no trust bundle holds a certificate that is valid now");
    const session = requireRustls().portreeve_tls_open(this.#config);
    if (!session) throw new Error("TLS cannot begin");
    return session;
  }

  /** Frees it; its sessions go on. */
  close(): void {
    if (this.#config) requireRustls().portreeve_tls_config_free(this.#config);
    this.#config = undefined;
    this.#changesAt = Number.POSITIVE_INFINITY;
  }

  #renew(now: number): void {
    this.close();
    const changes = this.#roots.flatMap(({ from, until }) => [from, until]).filter((at) => at > now);
    this.#changesAt = Math.min(...changes, Number.POSITIVE_INFINITY);
    const valid = this.#roots.filter(({ from, until }) => from <= now && now < until);
    if (valid.length === 0 && this.#options.client !== "none") return;
    this.#config = makeConfig(
      this.#options,
      valid.map(({ pem }) => pem),
    );
  }
}

function readRoot(pem: string): Root {
  const { validFrom, validTo } = new X509Certificate(pem);
  return { pem, from: Date.parse(validFrom), until: Date.parse(validTo) };
}

function makeConfig(options: ServerTlsOptions, roots: readonly string[]): Handle {
  const why = new Memory(WHY_BYTES);
  const [chain, key, trusted] = [options.cert, options.key, roots.join("\n")].map((pem) =>
    text.encode(`${pem}\n`),
  ) as [Uint8Array, Uint8Array, Uint8Array];
  const config = requireRustls().portreeve_tls_config(
    chain,
    chain.length,
    key,
    key.length,
    trusted,
    trusted.length,
    CLIENT[options.client],
    options.tls12 ? 1 : 0,
    why.at,
    WHY_BYTES,
  );
  if (config) return config;
  const sentence = new TextDecoder().decode(why.bytes.subarray(4, 4 + (why.ints[0] ?? 0)));
  throw new Error(`rustls: ${sentence} (with PORTREEVE_RUSTLS=off, the runtime's TLS is used)`);
}

import { randomBytes } from "node:crypto";
import {
  type ChainEnd,
  type ChainEvent,
  checkpointBytes,
  GENESIS,
  seal,
} from "../../policy/audit/chain-line.ts";
import type { Signer } from "./signer.ts";

/** What the first line of a chain says of its writer. */
export type Writer = Readonly<Record<string, unknown>>;

export interface ChainOptions {
  readonly writer: Writer;
  /** @default none: checkpoints prove nothing, and only the last line of a chain is one */
  readonly signer?: Signer | undefined;
  /** Lines between two signed checkpoints. */
  readonly every: number;
  readonly now?: () => Date;
  /** Told of each checkpoint: whoever keeps it elsewhere can later show that nothing before it went. */
  readonly onCheckpoint?: (end: ChainEnd, signed: boolean) => void;
  readonly onSignFailure?: (error: string) => void;
  /** Told when what the chain is to follow is not as it was written. */
  readonly onBroken?: (where: string) => void;
}

/** What the place where a chain is to be written holds already. */
export interface Before {
  /** Where the chain before ended; undefined when there is none. */
  readonly after?: (ChainEnd & { readonly here: boolean }) | undefined;
  /** Bytes of an unfinished line, which a process that was killed left behind. */
  readonly torn?: number | undefined;
  /** Where a chain there does not hold any more; undefined when none is seen to be broken. */
  readonly broken?: string | undefined;
}

/** Numbers and hashes the lines of one process. Its caller keeps the order. */
export class Chain {
  readonly id = randomBytes(9).toString("base64url");
  readonly #options: ChainOptions;
  #seq = 0;
  #prev = GENESIS;
  #sinceCheckpoint = 0;
  checkpoints = 0;
  failures = 0;
  /** What it follows was found changed. */
  followsBroken = false;

  constructor(options: ChainOptions) {
    this.#options = options;
  }

  get begun(): boolean {
    return this.#seq > 0;
  }

  /** Number of the next line. */
  get next(): number {
    return this.#seq;
  }

  /** Lines that no signed checkpoint covers yet. */
  get open(): number {
    return this.#sinceCheckpoint;
  }

  get signs(): boolean {
    return this.#options.signer !== undefined;
  }

  /** The next line of the chain. @param line a JSON object and a line feed */
  seal(line: string): string {
    const sealed = seal(line.slice(0, line.lastIndexOf("}")), this.id, this.#seq, this.#prev);
    this.#seq += 1;
    this.#prev = sealed.hash;
    this.#sinceCheckpoint += 1;
    return sealed.line;
  }

  /** The first lines: who writes, after what; and a signed checkpoint, so that no chain is without one. */
  async start({ after, torn, broken }: Before): Promise<string> {
    const { signer, writer, onBroken } = this.#options;
    if (broken !== undefined) {
      this.followsBroken = true;
      onBroken?.(broken);
    }
    const first = this.event("start", { format: 1, ...writer, ...this.#signing, after, torn, broken });
    return signer ? first + (await this.checkpoint(false)) : first;
  }

  /** The first line of a further file, which says how the chain is signed: the file with the start may be gone by then. */
  rotate(): string {
    return this.event("rotate", this.#signing);
  }

  get #signing(): { readonly key?: string; readonly every?: number } {
    const { signer, every } = this.#options;
    return signer ? { key: signer.keyId, every } : {};
  }

  /** One of the chain's own lines. */
  event(event: ChainEvent, fields: Readonly<Record<string, unknown>>): string {
    const time = (this.#options.now?.() ?? new Date()).toISOString();
    return this.seal(JSON.stringify({ time, event, ...fields }));
  }

  /** So many lines were written that there should be a checkpoint. */
  get isDue(): boolean {
    return this.signs && this.#sinceCheckpoint >= this.#options.every;
  }

  /** A checkpoint. Where signing fails there is none, unless it is the last line. */
  async checkpoint(final: boolean): Promise<string> {
    const { signer, onCheckpoint, onSignFailure } = this.#options;
    let signature: { key: string; sig: string } | undefined;
    if (signer) {
      try {
        const bytes = await signer.sign(checkpointBytes(this.id, this.#seq, this.#prev));
        signature = { key: signer.keyId, sig: Buffer.from(bytes).toString("base64url") };
      } catch (error) {
        this.failures += 1;
        onSignFailure?.(error instanceof Error ? error.message : String(error));
        // Not tried again for each line: a key service that is down is asked once in so many lines.
        this.#sinceCheckpoint = 0;
        if (!final) return "";
      }
    }
    const line = this.event("checkpoint", { ...(final && { final }), ...signature });
    this.#sinceCheckpoint = 0;
    if (signature) this.checkpoints += 1;
    onCheckpoint?.({ chain: this.id, seq: this.#seq - 1, hash: this.#prev }, signature !== undefined);
    return line;
  }
}

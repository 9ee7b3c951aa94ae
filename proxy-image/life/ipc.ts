import type { Control } from "./control.ts";

/** What a supervisor asks of a worker; the worker answers with the same id. */
interface Ask {
  readonly ask: number;
  readonly method: keyof Control;
  readonly args: readonly unknown[];
}

interface Answer {
  readonly answer: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Either end of the channel between supervisor and worker, as Node's and Bun's processes have it. */
export interface Channel {
  send(message: unknown): void;
  onMessage(handler: (message: unknown) => void): void;
}

/** Lets the other end of the channel ask this control, and tells it that it may. */
export function serveControl(control: Control, channel: Channel): void {
  channel.onMessage((message) => {
    if (!isAsk(message)) return;
    const { ask, method, args } = message;
    // The supervisor is the same program: its arguments are of the method's own types.
    const call = control[method] as (...values: readonly unknown[]) => Promise<unknown>;
    call.apply(control, [...args]).then(
      (value) => channel.send({ answer: ask, value } satisfies Answer),
      (error: unknown) => {
        channel.send({
          answer: ask,
          error: error instanceof Error ? error.message : String(error),
        } satisfies Answer);
      },
    );
  });
  channel.send({ serving: true });
}

/** Resolves when the other end has told all that has to be known before anybody is let in; see {@link tellBegin}. */
export function toldToBegin(channel: Channel): Promise<void> {
  return new Promise((done) => {
    channel.onMessage((message) => {
      if (typeof message === "object" && message !== null && "begin" in message) done();
    });
  });
}

/** What was asked before has been done when this arrives: messages keep their order. */
export function tellBegin(channel: Channel): void {
  channel.send({ begin: true });
}

/** Longest wait for a worker; one that does not answer is hung, and a scrape must not hang with it. */
const TIMEOUT_MS = 5_000;

/** Asks the control at the other end. */
export class RemoteControl {
  /** The other end is there; what is asked before would be lost. */
  serving = false;
  /** Told once, when it is. */
  onServing: () => void = () => {};
  readonly #channel: Channel;
  readonly #waiting = new Map<number, { done: (value: unknown) => void; failed: (error: Error) => void }>();
  #next = 1;

  constructor(channel: Channel) {
    this.#channel = channel;
    channel.onMessage((message) => {
      if (isServing(message) && !this.serving) {
        this.serving = true;
        this.onServing();
      }
      if (!isAnswer(message)) return;
      const waiter = this.#waiting.get(message.answer);
      this.#waiting.delete(message.answer);
      if (message.error === undefined) waiter?.done(message.value);
      else waiter?.failed(new Error(message.error));
    });
  }

  ask<Method extends keyof Control>(
    method: Method,
    ...args: Parameters<Control[Method]>
  ): Promise<Awaited<ReturnType<Control[Method]>>> {
    const id = this.#next;
    this.#next += 1;
    return new Promise((done, failed) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        failed(new Error(`a worker did not answer ${method}`));
      }, TIMEOUT_MS);
      this.#waiting.set(id, {
        done: (value) => {
          clearTimeout(timer);
          done(value as Awaited<ReturnType<Control[Method]>>);
        },
        failed: (error) => {
          clearTimeout(timer);
          failed(error);
        },
      });
      this.#channel.send({ ask: id, method, args } satisfies Ask);
    });
  }
}

function isAsk(message: unknown): message is Ask {
  return typeof message === "object" && message !== null && "ask" in message && "method" in message;
}

function isServing(message: unknown): boolean {
  return typeof message === "object" && message !== null && "serving" in message;
}

function isAnswer(message: unknown): message is Answer {
  return typeof message === "object" && message !== null && "answer" in message;
}

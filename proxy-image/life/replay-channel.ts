import type { ReplayMemory, Use } from "../credentials/replay.ts";
import type { Channel } from "./ipc.ts";

interface UseMessage {
  readonly replayUse: number;
  readonly signature: string;
  readonly until: number;
  readonly at: number;
}

interface ReleaseMessage {
  readonly replayRelease: string;
}

interface UseAnswer {
  readonly replayAnswer: number;
  readonly use: Use;
}

/** Longest wait for the supervisor: who is shown a request meanwhile does not know whether it was used. */
const ANSWER_MS = 5_000;

/**
 * The supervisor's end: one memory for all workers, which no worker's end takes with it. What a worker had not yet
 * released when it ended stays used.
 */
export function serveReplay(memory: ReplayMemory, channel: Channel): void {
  channel.onMessage((message) => {
    if (isUse(message)) {
      const { replayUse, signature, until, at } = message;
      void Promise.resolve(memory.use(signature, until, at)).then((use) =>
        channel.send({ replayAnswer: replayUse, use } satisfies UseAnswer),
      );
    } else if (isRelease(message)) memory.release(message.replayRelease);
  });
}

/** The worker's end. Without an answer nobody is let in. */
export function askReplay(channel: Channel, answerMs: number = ANSWER_MS): ReplayMemory {
  const waiting = new Map<number, (use: Use) => void>();
  let next = 1;
  channel.onMessage((message) => {
    if (isAnswer(message)) waiting.get(message.replayAnswer)?.(message.use);
  });
  return {
    use: (signature, until, at) => {
      const id = next;
      next += 1;
      return new Promise((done) => {
        const end = (use: Use) => {
          clearTimeout(timer);
          waiting.delete(id);
          done(use);
        };
        const timer = setTimeout(() => end("unknown"), answerMs);
        waiting.set(id, end);
        channel.send({ replayUse: id, signature, until, at } satisfies UseMessage);
      });
    },
    release: (signature) => channel.send({ replayRelease: signature } satisfies ReleaseMessage),
  };
}

/** Both ends are the same program: what has the name is of its type. */
function isUse(message: unknown): message is UseMessage {
  return typeof message === "object" && message !== null && "replayUse" in message;
}

function isRelease(message: unknown): message is ReleaseMessage {
  return typeof message === "object" && message !== null && "replayRelease" in message;
}

function isAnswer(message: unknown): message is UseAnswer {
  return typeof message === "object" && message !== null && "replayAnswer" in message;
}

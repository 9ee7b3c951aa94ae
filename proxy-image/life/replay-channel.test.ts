import { expect, test } from "vitest";
import { Replay } from "../credentials/replay.ts";
import type { Channel } from "./ipc.ts";
import { askReplay, serveReplay } from "./replay-channel.ts";

/** Two ends of one channel, which carries what JSON carries, later. */
function channelPair(): readonly [Channel, Channel] {
  const handlers: ((message: unknown) => void)[][] = [[], []];
  const end = (own: number): Channel => ({
    send: (message) => {
      const text = JSON.stringify(message);
      setImmediate(() => handlers[1 - own]?.forEach((handler) => void handler(JSON.parse(text))));
    },
    onMessage: (handler) => void handlers[own]?.push(handler),
  });
  return [end(0), end(1)];
}

function worker(memory: Replay) {
  const [supervisor, own] = channelPair();
  serveReplay(memory, supervisor);
  return askReplay(own);
}

test("what one worker let in no other lets in again, also at the same moment", async () => {
  const memory = new Replay();
  const workers = [worker(memory), worker(memory), worker(memory)];
  const uses = await Promise.all(workers.map((one) => one.use("signature", 900, 0)));
  expect(uses.sort()).toEqual(["first", "replayed", "replayed"]);
  // As a worker that was started anew.
  expect(await worker(memory).use("signature", 900, 0)).toBe("replayed");
});

test("a request that no worker let in may be tried again at any", async () => {
  const memory = new Replay();
  const [one, other] = [worker(memory), worker(memory)];
  expect(await one.use("signature", 900, 0)).toBe("first");
  one.release("signature");
  expect(await one.use("another", 900, 0)).toBe("first");
  expect(await other.use("signature", 900, 0)).toBe("first");
});

test("a supervisor that does not answer is no yes", async () => {
  const silent: Channel = { send: () => {}, onMessage: () => {} };
  expect(await askReplay(silent, 20).use("signature", 900, 0)).toBe("unknown");
});

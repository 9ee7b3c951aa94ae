import { expect, test } from "vitest";
import { HandshakePace } from "./handshake-pace.ts";

const turn = () => new Promise<void>((done) => setImmediate(done));

test("handshakes begin in the order in which they came, two in a turn, and none is forgotten", async () => {
  const pace = new HandshakePace();
  const order: number[] = [];
  const paused = new Set<number>();
  const come = (id: number) =>
    pace.begin({
      pause: () => void paused.add(id),
      resume: () => {
        paused.delete(id);
        order.push(id);
      },
    });
  for (let id = 0; id < 7; id++) come(id);
  expect([...paused]).toEqual([2, 3, 4, 5, 6]);
  await turn();
  expect(order).toEqual([2, 3]);
  // One that comes now must not overtake those that wait.
  come(7);
  expect(paused.has(7)).toBe(true);
  for (let more = 0; more < 4; more++) await turn();
  expect(order).toEqual([2, 3, 4, 5, 6, 7]);
  expect(paused.size).toBe(0);
  expect(pace.waiting).toBe(0);
});

test("one that comes alone does not wait", async () => {
  const pace = new HandshakePace();
  let paused = 0;
  for (let id = 0; id < 5; id++) {
    pace.begin({ pause: () => void paused++, resume: () => {} });
    await turn();
    await turn();
  }
  expect(paused).toBe(0);
});

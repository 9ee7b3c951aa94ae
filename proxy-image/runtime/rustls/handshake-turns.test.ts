import { expect, test } from "vitest";
import { HandshakeTurns } from "./handshake-turns.ts";

const turn = () => new Promise<void>((done) => setImmediate(done));

test("eight go on in a turn, those that have waited before those that come, and none is forgotten", async () => {
  const turns = new HandshakeTurns();
  const went: number[] = [];
  let waiting: number[] = [];
  const ask = (ids: readonly number[], waited: boolean) => {
    const held: number[] = [];
    for (const id of ids) {
      if (turns.take(waited)) went.push(id);
      else held.push(id);
    }
    return held;
  };
  waiting = ask([...Array(20).keys()], false);
  expect(went).toEqual([...Array(8).keys()]);
  await turn();
  // Told first, as what is ready is told before what waits; and yet does not overtake.
  const late = ask([20], false);
  expect(late).toEqual([20]);
  waiting = [...ask(waiting, true), ...late];
  expect(went).toEqual([...Array(16).keys()]);
  await turn();
  expect(ask(waiting, true)).toEqual([]);
  expect(went).toEqual([...Array(21).keys()]);
  expect(turns.take(false)).toBe(true);
});

test("one that leaves while it waits does not make others wait", async () => {
  const turns = new HandshakeTurns();
  for (let taken = 0; taken < 8; taken++) expect(turns.take(false)).toBe(true);
  expect(turns.take(false)).toBe(false);
  turns.leave();
  await turn();
  expect(turns.take(false)).toBe(true);
});

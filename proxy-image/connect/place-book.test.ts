import { expect, test } from "vitest";
import type { PlaceRequest } from "./place.ts";
import { PlaceBook } from "./place-book.ts";

const asker = { placeGranted() {}, placeQueued() {}, placeRefused() {} };

const request = (service: string, maxConnections = 10): PlaceRequest => ({
  service,
  serviceLimits: { maxConnections, maxConnectionsPerPrincipal: undefined, queue: 5 },
  principalKey: "api",
  rules: [],
  agent: undefined,
  perPrincipal: undefined,
});

test("services that no configuration has any more are forgotten, those with connections or a queue are not", () => {
  const book = new PlaceBook(() => 0);
  const held = book.place(request("held"), asker);
  held.ask();
  const full = [book.place(request("queue", 1), asker), book.place(request("queue", 1), asker)];
  for (const place of full) place.ask();
  for (let index = 0; index < 1_000; index++) {
    const place = book.place(request(`renamed-${index}`), asker);
    place.ask();
    place.leave();
  }
  expect(book.size).toBeLessThanOrEqual(3);
  expect(book.admission(request("held")).live).toBe(1);
  expect(book.waiting("queue")).toBe(1);
});

test("a service that was forgotten and comes again is bounded as before", () => {
  const book = new PlaceBook(() => 0);
  const come = (service: string) => {
    const told: string[] = [];
    const place = book.place(request(service, 1), {
      placeGranted: () => told.push("granted"),
      placeQueued: () => told.push("queued"),
      placeRefused: (why) => told.push(why),
    });
    place.ask();
    return { place, told };
  };
  come("a").place.leave();
  come("b").place.leave();
  const first = come("a");
  const second = come("a");
  expect([first.told, second.told]).toEqual([["granted"], ["queued"]]);
  first.place.leave();
  expect(second.told).toEqual(["queued", "granted"]);
});

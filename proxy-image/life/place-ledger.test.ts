import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Asker, PlaceRequest } from "../connect/place.ts";
import type { Channel } from "./ipc.ts";
import { askLedger, serveLedger } from "./place-channel.ts";
import { PlaceLedger } from "./place-ledger.ts";

/** Both ends of a channel between two processes, as it is: text, in order, later. */
class Wire {
  readonly #inFlight: { to: (message: unknown) => void; text: string }[] = [];
  cut = false;

  ends(): { worker: Channel; supervisor: Channel } {
    const handlers = { worker: [] as ((m: unknown) => void)[], supervisor: [] as ((m: unknown) => void)[] };
    const end = (from: "worker" | "supervisor"): Channel => ({
      send: (message) => {
        const to = (parsed: unknown) => {
          for (const handler of handlers[from === "worker" ? "supervisor" : "worker"]) handler(parsed);
        };
        if (!this.cut) this.#inFlight.push({ to, text: JSON.stringify(message) });
      },
      onMessage: (handler) => void handlers[from].push(handler),
    });
    return { worker: end("worker"), supervisor: end("supervisor") };
  }

  /** Delivers one message; says whether there was one. */
  deliver(): boolean {
    const next = this.#inFlight.shift();
    if (next && !this.cut) next.to(JSON.parse(next.text));
    return next !== undefined;
  }
}

/** @param keptMax smaller than it is, so that places are kept under small bounds, too */
function ledgerWith(count: number, now = () => 0, keptMax?: number) {
  const ledger = new PlaceLedger(now, keptMax);
  const start = () => {
    const wire = new Wire();
    const { worker, supervisor } = wire.ends();
    return { wire, held: serveLedger(ledger, supervisor), places: askLedger(worker) };
  };
  const workers = Array.from({ length: count }, start);
  /** Until nobody has anything more to say. */
  const settle = async () => {
    let quiet = 0;
    while (quiet < 3) {
      await new Promise((done) => setImmediate(done));
      quiet = workers.map(({ wire }) => wire.deliver()).some(Boolean) ? 0 : quiet + 1;
    }
  };
  return { workers, start, settle };
}

const request = (more: Partial<PlaceRequest> = {}): PlaceRequest => ({
  service: "s",
  serviceLimits: { queue: 0 },
  principalKey: "p",
  rules: [],
  agent: undefined,
  perPrincipal: undefined,
  ...more,
});

class Seen implements Asker {
  is = "asked";
  placeGranted(): void {
    this.is = "granted";
  }
  placeQueued(): void {
    this.is = "queued";
  }
  placeRefused(why: string): void {
    this.is = why;
  }
}

describe("places of several workers", () => {
  test("what nothing bounds is granted without a word to the supervisor", () => {
    const { workers } = ledgerWith(1);
    const seen = new Seen();
    workers[0]?.places.place(request(), seen).ask();
    expect(seen.is).toBe("granted");
    expect(workers[0]?.wire.deliver()).toBe(false);
  });

  test("an agent's one connection is one over all of them, and free again when it or its process ends", async () => {
    const { workers, settle } = ledgerWith(2);
    const agent = { name: "bot", maxConnections: 1 };
    const ask = async (index: number) => {
      const seen = new Seen();
      const place = workers[index]?.places.place(request({ principalKey: "bot", agent }), seen);
      place?.ask();
      await settle();
      return { seen, place };
    };
    const first = await ask(0);
    expect(first.seen.is).toBe("granted");
    expect((await ask(1)).seen.is).toBe("agent bot");
    expect((await ask(0)).seen.is).toBe("agent bot");
    first.place?.leave();
    await settle();
    expect((await ask(1)).seen.is).toBe("granted");
    expect((await ask(0)).seen.is).toBe("agent bot");
    workers[1]?.held.gone();
    expect((await ask(0)).seen.is).toBe("granted");
  });

  test("a rate counts what all of them let in", async () => {
    let now = 0;
    const { workers, settle } = ledgerWith(2, () => now);
    const rules = [{ service: "s", id: "r", limits: { connectionsPerMinutePerPrincipal: 2 } }];
    const results: string[] = [];
    for (const [at, index] of [
      [0, 0],
      [1_000, 1],
      [2_000, 0],
      [60_000, 1],
      [60_500, 0],
    ] as const) {
      now = at;
      const seen = new Seen();
      workers[index]?.places.place(request({ rules }), seen).ask();
      await settle();
      results.push(seen.is);
    }
    const refused = "rate of rule r, for each principal";
    expect(results).toEqual(["granted", "granted", refused, "granted", refused]);
  });

  test("who waits is let in when a place becomes free in another worker, in the order of asking", async () => {
    const { workers, settle } = ledgerWith(2);
    const bounded = request({ serviceLimits: { maxConnections: 1, queue: 2 } });
    const ask = async (index: number) => {
      const seen = new Seen();
      const place = workers[index]?.places.place(bounded, seen);
      place?.ask();
      await settle();
      return { seen, place };
    };
    const first = await ask(0);
    const [second, third, fourth] = [await ask(1), await ask(0), await ask(1)];
    expect([second, third, fourth].map(({ seen }) => seen.is)).toEqual(["queued", "queued", "queue-full"]);
    expect(workers.map(({ places }) => places.waiting("s"))).toEqual([1, 1]);
    first.place?.leave();
    await settle();
    expect([second, third].map(({ seen }) => seen.is)).toEqual(["granted", "queued"]);
    expect(workers.map(({ places }) => places.waiting("s"))).toEqual([1, 0]);
    second.place?.leave();
    await settle();
    expect(third.seen.is).toBe("granted");
  });

  test("where there is much room, the next of the same kind costs no message; what is kept is given back when asked for", async () => {
    const { workers, settle } = ledgerWith(2);
    const [first, second] = workers;
    if (!first || !second) throw new Error("two workers");
    const bounded = request({ serviceLimits: { maxConnections: 600, queue: 0 } });
    const ask = (worker: typeof first, who = bounded) => {
      const seen = new Seen();
      const place = worker.places.place(who, seen);
      place.ask();
      return { seen, place };
    };
    const one = ask(first);
    await settle();
    one.place.leave();
    expect(ask(first).seen.is).toBe("granted");
    // Of another principal, it is the same kind as long as nothing bounds each principal.
    const each = { ...bounded, serviceLimits: { ...bounded.serviceLimits, maxConnectionsPerPrincipal: 600 } };
    expect(ask(first, each).seen.is).toBe("asked");
    const many = Array.from({ length: 100 }, () => ask(first));
    await settle();
    for (const { place } of many) place.leave();
    // 64 are kept, and count as held, until the other worker needs the room.
    const others = Array.from({ length: 598 }, () => ask(second));
    for (let round = 0; round < 3; round++) await settle();
    const refused = others.filter(({ seen }) => seen.is !== "granted");
    for (const { seen } of refused) expect(seen.is).toBe("service-limit");
    expect(refused.length).toBeLessThanOrEqual(64);
    const again = refused.map(() => ask(second));
    await settle();
    expect(again.every(({ seen }) => seen.is === "granted")).toBe(true);
    const beyond = ask(second);
    await settle();
    expect(beyond.seen.is).toBe("service-limit");
  });

  test("a bound that comes by a reload counts the connections that are there", async () => {
    const { workers, settle } = ledgerWith(2);
    const [one, two] = [new Seen(), new Seen()];
    const place = workers[0]?.places.place(request(), one);
    place?.ask();
    const bounded = request({ serviceLimits: { maxConnections: 1, queue: 0 } });
    place?.change(bounded);
    await settle();
    workers[1]?.places.place(bounded, two).ask();
    await settle();
    expect([one.is, two.is]).toEqual(["granted", "service-limit"]);
  });

  test("a bound of each principal that comes by a reload counts each one's own", async () => {
    const { workers, settle } = ledgerWith(2);
    const before = { serviceLimits: { maxConnections: 9, queue: 0 } };
    const after = { serviceLimits: { maxConnections: 9, maxConnectionsPerPrincipal: 1, queue: 0 } };
    const who = ["p", "q"];
    const places = who.map((principalKey, index) => {
      const place = workers[index]?.places.place(request({ principalKey, ...before }), new Seen());
      place?.ask();
      return place;
    });
    await settle();
    for (const [index, principalKey] of who.entries())
      places[index]?.change(request({ principalKey, ...after }));
    await settle();
    const results: string[] = [];
    for (const principalKey of ["p", "q", "r"]) {
      const seen = new Seen();
      workers[0]?.places.place(request({ principalKey, ...after }), seen).ask();
      await settle();
      results.push(seen.is);
    }
    expect(results).toEqual(["principal-limit", "principal-limit", "granted"]);
  });

  test("a bound that is raised by a reload lets in who waits", async () => {
    const { workers, settle } = ledgerWith(2);
    const limits = (maxConnections: number) => request({ serviceLimits: { maxConnections, queue: 1 } });
    const [one, two] = [new Seen(), new Seen()];
    workers[0]?.places.place(limits(1), one).ask();
    await settle();
    const waiting = workers[1]?.places.place(limits(1), two);
    waiting?.ask();
    await settle();
    expect(two.is).toBe("queued");
    waiting?.change(limits(2));
    await settle();
    expect(two.is).toBe("granted");
  });

  test("whatever is asked, left and killed, in any order of messages, no more are in than the bound says, and in the end as many as could be", async () => {
    const steps = fc.array(
      fc.record({
        action: fc.constantFrom("ask", "ask", "ask", "leave", "deliver", "deliver", "kill"),
        worker: fc.nat(2),
        which: fc.nat(5),
      }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.integer({ min: 1, max: 6 }),
        fc.nat(3),
        fc.boolean(),
        async (all, max, queue, keep) => {
          const { workers, start, settle } = ledgerWith(3, undefined, keep ? 0 : undefined);
          const bounded = request({ serviceLimits: { maxConnections: max, queue } });
          const open: { seen: Seen; worker: number; place: { leave(): void } | undefined }[] = [];
          const inside = () => open.filter(({ seen }) => seen.is === "granted").length;
          for (const { action, worker, which } of all) {
            if (action === "ask") {
              const seen = new Seen();
              const place = workers[worker]?.places.place(bounded, seen);
              place?.ask();
              open.push({ seen, worker, place });
            } else if (action === "leave") {
              const [gone] = open.splice(which % Math.max(open.length, 1), 1);
              gone?.place?.leave();
            } else if (action === "deliver") {
              await new Promise((done) => setImmediate(done));
              workers[worker]?.wire.deliver();
            } else {
              const victim = workers[worker];
              if (victim) victim.wire.cut = true;
              for (const one of open.filter((one) => one.worker === worker))
                open.splice(open.indexOf(one), 1);
              victim?.held.gone();
              workers[worker] = start();
            }
            expect(inside()).toBeLessThanOrEqual(max);
          }
          await settle();
          expect(inside()).toBeLessThanOrEqual(max);
          const waiting = open.filter(({ seen }) => seen.is === "queued").length;
          expect(open.some(({ seen }) => seen.is === "asked")).toBe(false);
          if (waiting > 0) expect(inside()).toBe(max);
        },
      ),
      { numRuns: 200 },
    );
  });
});

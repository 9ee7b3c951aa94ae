import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { serviceSchema } from "../../policy/compile/proxy/config-service.ts";
import { sniRoute } from "../accept/sni-route.ts";
import { Deadlines, type Timed } from "../runtime/deadlines.ts";
import { type Applicant, ServiceAdmission } from "./admission.ts";
import { EndpointPool } from "./endpoints.ts";
import { type Answer, Resolver } from "./resolve.ts";

const service = (more: object) =>
  serviceSchema.parse({
    name: "s",
    ports: [{ port: 1 }],
    endpoints: [{ host: "a" }, { host: "b" }],
    ...more,
  });

describe("endpoints", () => {
  test("the one with the fewest connections is taken, and equals take turns", () => {
    const pool = new EndpointPool(service({}));
    const [a, b] = pool.endpoints;
    if (!a || !b) throw new Error("two endpoints");
    const first = pool.pick(new Set(), 0);
    expect(pool.pick(new Set(), 0)).not.toBe(first);
    a.active = 3;
    b.active = 1;
    for (let index = 0; index < 5; index++) expect(pool.pick(new Set(), 0)).toBe(b);
    expect(pool.pick(new Set([a, b]), 0)).toBeUndefined();
  });

  test("one that fails is set aside, longer each time, and never more than the share allowed", () => {
    const pool = new EndpointPool(
      service({ outlier: { consecutiveFailures: 2, baseEjection: "1s", maxEjection: "3s" } }),
    );
    const [a, b] = pool.endpoints;
    if (!a || !b) throw new Error("two endpoints");
    pool.failed(a, 0);
    expect(a.ejectedUntil).toBe(0);
    pool.failed(a, 0);
    expect(a.ejectedUntil).toBe(1_000);
    for (let index = 0; index < 4; index++) expect(pool.pick(new Set(), 500)).toBe(b);
    // Half of two is one: the other stays in use, whatever it does.
    pool.failed(b, 500);
    pool.failed(b, 500);
    expect(b.ejectedUntil).toBe(0);
    pool.failed(a, 1_500);
    expect(a.ejectedUntil).toBe(3_500);
    pool.failed(a, 4_000);
    expect(a.ejectedUntil).toBe(7_000);
    pool.succeeded(a);
    expect(pool.pick(new Set([b]), 4_100)).toBe(a);
  });

  test("keep their counts over a reload", () => {
    const pool = new EndpointPool(service({}));
    const [a] = pool.endpoints;
    if (a) a.active = 7;
    pool.update(service({ endpoints: [{ host: "c" }, { host: "a" }] }));
    expect(pool.endpoints.map(({ host, active }) => [host, active])).toEqual([
      ["c", 0],
      ["a", 7],
    ]);
  });
});

describe("places at a service", () => {
  test("are never given beyond a bound, whoever asks, waits, gives up or leaves, and waiting is in order", () => {
    const steps = fc.array(fc.record({ action: fc.constantFrom("ask", "leave", "giveUp"), who: fc.nat(3) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(4),
        (all, max, per, queue) => {
          const limits = service({
            limits: { maxConnections: max, maxConnectionsPerPrincipal: per, queue },
          }).limits;
          const admission = new ServiceAdmission(limits);
          const inside: string[] = [];
          let waiting: Applicant[] = [];
          const check = () => {
            expect(inside.length).toBeLessThanOrEqual(max);
            expect(admission.live).toBe(inside.length);
            expect(waiting.length).toBeLessThanOrEqual(queue);
            expect(admission.waiting).toBe(waiting.length);
            for (const who of inside)
              expect(inside.filter((other) => other === who).length).toBeLessThanOrEqual(per);
          };
          for (const { action, who } of all) {
            const principalKey = `p${who}`;
            if (action === "ask") {
              const applicant: Applicant = {
                principalKey,
                admitted: () => {
                  waiting = waiting.filter((other) => other !== applicant);
                  inside.push(principalKey);
                },
              };
              const result = admission.ask(applicant);
              if (result === "admitted") inside.push(principalKey);
              if (result === "queued") waiting.push(applicant);
            } else if (action === "leave") {
              const index = inside.indexOf(principalKey);
              if (index >= 0) {
                inside.splice(index, 1);
                admission.release(principalKey);
              }
            } else {
              const [first] = waiting;
              if (first) {
                waiting = waiting.slice(1);
                admission.leaveQueue(first);
              }
            }
            check();
          }
        },
      ),
    );
  });
});

describe("deadlines", () => {
  test("come neither early nor more than two ticks late, and are not held once removed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(5_000), { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 30 }),
        (times, jumps) => {
          let now = 0;
          const wheel = new Deadlines(100, () => now);
          const fired: { at: number; due: number }[] = [];
          const items = times.map((at, index): Timed => {
            const item: Timed = {
              slot: undefined,
              due: () => {
                fired.push({ at, due: now });
                return Number.POSITIVE_INFINITY;
              },
            };
            wheel.set(item, at);
            if (index % 5 === 4) wheel.remove(item);
            return item;
          });
          let before = 0;
          for (const jump of [...jumps, 6_000, 200]) {
            before = now;
            now += jump;
            const known = fired.length;
            wheel.advance();
            for (const { at } of fired.slice(known)) {
              expect(at).toBeLessThanOrEqual(now);
              expect(at).toBeGreaterThan(before - 200);
            }
          }
          expect(fired.length).toBe(items.filter((_, index) => index % 5 !== 4).length);
          expect(items.every(({ slot }) => slot === undefined)).toBe(true);
          expect(wheel.size).toBe(0);
        },
      ),
    );
  });
});

describe("deadlines that are moved", () => {
  test("are never forgotten, and asked at most two ticks late, however they were moved", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ item: fc.nat(3), at: fc.nat(3_000), wait: fc.nat(300) }), { maxLength: 40 }),
        (moves) => {
          let now = 0;
          const wheel = new Deadlines(100, () => now);
          const wanted = [0, 0, 0, 0].map(() => Number.POSITIVE_INFINITY);
          const items = wanted.map((_, index): Timed => {
            const item: Timed = {
              slot: undefined,
              due: (at) => {
                const moment = wanted[index] ?? 0;
                if (at < moment) return moment;
                expect(now - moment).toBeLessThanOrEqual(600);
                wanted[index] = Number.POSITIVE_INFINITY;
                return Number.POSITIVE_INFINITY;
              },
            };
            return item;
          });
          for (const { item, at, wait } of moves) {
            const target = items[item];
            if (!target) continue;
            wanted[item] = now + at;
            wheel.set(target, now + at);
            now += wait;
            wheel.advance();
          }
          for (let tick = 0; tick < 40; tick++) {
            now += 100;
            wheel.advance();
          }
          expect(wanted.every((moment) => moment === Number.POSITIVE_INFINITY)).toBe(true);
          expect(wheel.size).toBe(0);
        },
      ),
    );
  });
});

describe("names", () => {
  const bounds = { minTtl: 1_000, maxTtl: 10_000, families: ["ipv4", "ipv6"] as const };

  test("are asked for once within their TTL, and families take turns", async () => {
    let asked = 0;
    const resolver = new Resolver(async (_, family): Promise<Answer[]> => {
      asked += 1;
      return family === 4
        ? [
            { address: "10.0.0.1", ttl: 3_000 },
            { address: "10.0.0.2", ttl: 3_000 },
          ]
        : [{ address: "fd00::1", ttl: 5_000 }];
    });
    expect(resolver.resolve("10.1.2.3", bounds, 0)).toEqual(["10.1.2.3"]);
    const [one, two] = await Promise.all([
      resolver.resolve("db", bounds, 0),
      resolver.resolve("db", bounds, 0),
    ]);
    expect(one).toEqual(["10.0.0.1", "fd00::1", "10.0.0.2"]);
    expect(two).toEqual(one);
    expect(resolver.resolve("db", bounds, 2_999)).toEqual(one);
    expect(asked).toBe(2);
    await resolver.resolve("db", bounds, 3_000);
    expect(asked).toBe(4);
  });

  test("that stop resolving keep their last addresses for a while, then fail", async () => {
    let broken = false;
    const resolver = new Resolver(async (_, family): Promise<Answer[]> => {
      if (broken) throw new Error("SERVFAIL");
      return family === 4 ? [{ address: "10.0.0.1", ttl: 0 }] : [];
    });
    await resolver.resolve("db", bounds, 0);
    broken = true;
    expect(await resolver.resolve("db", bounds, 5_000)).toEqual(["10.0.0.1"]);
    await expect(resolver.resolve("db", bounds, 20_000)).rejects.toThrow("db does not resolve");
  });

  test("that no configuration has any more are forgotten", async () => {
    const resolver = new Resolver(async (): Promise<Answer[]> => [{ address: "10.0.0.1", ttl: 0 }]);
    for (let index = 0; index < 100; index++) await resolver.resolve(`db-${index}`, bounds, 0);
    expect(resolver.size).toBe(100);
    await resolver.resolve("db", bounds, 1_000_000);
    expect(resolver.size).toBe(1);
  });
});

describe("server names", () => {
  test("find an exact route before a wildcard, which stands for one label", () => {
    const routes = [
      { sni: ["*.example.com"], to: "wild" },
      { sni: ["db.example.com"], to: "exact" },
    ];
    expect(sniRoute(routes, "DB.example.com")?.to).toBe("exact");
    expect(sniRoute(routes, "x.example.com")?.to).toBe("wild");
    for (const name of ["a.b.example.com", "example.com", "com", undefined])
      expect(sniRoute(routes, name)).toBeUndefined();
  });
});

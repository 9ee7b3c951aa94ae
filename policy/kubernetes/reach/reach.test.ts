import fc from "fast-check";
import { expect, test } from "vitest";
import { covers } from "../../../test/reach/covers.ts";
import { sample } from "../../../test/reach/generate.ts";
import { passes, type Side } from "../../../test/reach/reference.ts";
import { hasPort, PROTOCOLS } from "../../sets/ports.ts";
import { reach } from "./reach.ts";

// Samples on both sides of every boundary that the generator can make. In between the evaluator could still be wrong.
const ADDRESSES = [
  "0.0.0.0",
  "9.255.255.255",
  "10.0.0.0",
  "10.0.255.255",
  "10.1.0.0",
  "10.1.1.255",
  "10.1.2.0",
  "10.1.2.255",
  "10.1.3.0",
  "10.1.255.255",
  "10.2.0.0",
  "10.127.255.255",
  "10.128.0.0",
  "10.255.255.255",
  "11.0.0.0",
  "192.168.7.8",
  "192.168.7.9",
  "192.168.7.10",
  "255.255.255.254",
  "255.255.255.255",
];
const PORTS = [1, 2, 52, 53, 54, 79, 80, 81, 82, 442, 443, 444, 8079, 8080, 8081, 65534, 65535];

test("agrees with a packet-by-packet reference on random clusters", () => {
  let compared = 0;
  fc.assert(
    fc.property(sample, ({ objects, world, workloads }) => {
      const found = reach(objects);
      const sides: [string, readonly Side[]][] = [
        ...workloads,
        ...ADDRESSES.map((address): [string, Side[]] => [address, [address]]),
      ];
      for (const [src, sources] of sides) {
        for (const [dst, destinations] of sides) {
          if (src === dst || (ADDRESSES.includes(src) && ADDRESSES.includes(dst))) continue;
          const connections = found.filter((each) => covers(each.src, src) && covers(each.dst, dst));
          expect(connections.length).toBeLessThanOrEqual(1);
          for (const protocol of PROTOCOLS) {
            for (const port of PORTS) {
              compared++;
              const wanted = sources.some((from) =>
                destinations.some((to) => passes(world, { from, to, protocol, port })),
              );
              const given = connections.some(({ ports }) => hasPort(ports, protocol, port));
              if (given !== wanted)
                expect.fail(`${src} -> ${dst} ${protocol} ${port}: ${given}, the reference says ${wanted}`);
            }
          }
        }
      }
    }),
    { numRuns: 60 },
  );
  expect(compared).toBeGreaterThan(100_000);
});

import { createServer } from "node:http";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { until } from "../../test/cluster/until.ts";
import { OtlpMetrics, toOtlp } from "./otlp.ts";
import { formatLabels, parseLabels, SeriesRegistry, type SeriesSnapshot } from "./series.ts";

const SNAPSHOT: SeriesSnapshot = [
  { name: "total", help: "Things.", type: "counter", series: [['rule="a",reason="say \\"b\\""', 3]] },
  { name: "level", help: "Now.", type: "gauge", series: [["", 0.5]] },
  { name: "nothing", help: "Never.", type: "counter", series: [] },
];

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

test("labels that are written are read back, whatever they hold", () => {
  const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/).filter((one) => one !== "__proto__");
  const value = fc.oneof(fc.string(), fc.constantFrom('"', "\\", "\n", '\\"', "\\n", 'a="b",c="', "\\\\n"));
  fc.assert(
    fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (labels) => {
      expect(parseLabels(formatLabels(labels))).toEqual(labels);
    }),
  );
});

test("label sets beyond the bound are counted together, and none is lost", () => {
  const registry = new SeriesRegistry(10);
  const count = registry.counter("c", "");
  for (let index = 0; index < 1_000; index++) count(formatLabels({ id: String(index % 100) }), 1);
  const series = registry.snapshot()[0]?.series ?? [];
  expect(series).toHaveLength(11);
  expect(series.reduce((sum, [, value]) => sum + value, 0)).toBe(1_000);
  expect(series.at(-1)).toEqual(['overflow="true"', 900]);
});

test("an export is OTLP's JSON: cumulative sums since the start, gauges, labels as attributes", () => {
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const time = { startTimeUnixNano: "1000000000", timeUnixNano: "2000000000" };
  expect(toOtlp(SNAPSHOT, { "service.name": "proxy" }, 1_000, 2_000)).toEqual({
    resourceMetrics: [
      {
        resource: { attributes: [attribute("service.name", "proxy")] },
        scopeMetrics: [
          {
            scope: { name: "portreeve" },
            metrics: [
              {
                name: "total",
                description: "Things.",
                sum: {
                  dataPoints: [
                    {
                      ...time,
                      attributes: [attribute("rule", "a"), attribute("reason", 'say "b"')],
                      asDouble: 3,
                    },
                  ],
                  aggregationTemporality: 2,
                  isMonotonic: true,
                },
              },
              {
                name: "level",
                description: "Now.",
                gauge: { dataPoints: [{ ...time, attributes: [], asDouble: 0.5 }] },
              },
            ],
          },
        ],
      },
    ],
  });
});

describe("the exporter", () => {
  async function collector(): Promise<{ endpoint: string; bodies: string[]; answer: { status: number } }> {
    const bodies: string[] = [];
    const answer = { status: 200 };
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (data) => {
        body += String(data);
      });
      request.on("end", () => {
        bodies.push(`${request.method} ${request.url} ${body}`);
        response.writeHead(answer.status).end("{}");
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    stops.push(() => void server.close());
    const address = server.address();
    return {
      endpoint: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`,
      bodies,
      answer,
    };
  }

  test("exports at its interval and a last time when it stops, and then no more", async () => {
    const { endpoint, bodies } = await collector();
    const metrics = new OtlpMetrics({
      endpoint,
      interval: 20,
      resource: {},
      snapshot: async () => SNAPSHOT,
      onChange: () => {},
    });
    await until("two exports", 10, () => bodies.length >= 2);
    expect(bodies[0]).toMatch(/^POST \/v1\/metrics \{"resourceMetrics"/);
    const before = bodies.length;
    await metrics.stop();
    expect(bodies.length).toBeGreaterThan(before);
  });

  test("tells once that it fails, and once that it succeeds again", async () => {
    const { endpoint, answer } = await collector();
    const told: (string | undefined)[] = [];
    const metrics = new OtlpMetrics({
      endpoint,
      interval: 60_000,
      resource: {},
      snapshot: async () => SNAPSHOT,
      onChange: (error) => told.push(error),
    });
    answer.status = 503;
    await metrics.export();
    await metrics.export();
    expect(told).toEqual(["the OTLP collector answered 503"]);
    answer.status = 200;
    await metrics.stop();
    expect(told).toEqual(["the OTLP collector answered 503", undefined]);
  });
});

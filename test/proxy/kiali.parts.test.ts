/**
 * What a running proxy measures: the labels by which Kiali draws a TCP edge, handshakes by result, a bound on label sets,
 * and the same figures as OTLP. Kiali itself is not run: its label lists are from its source (graph/telemetry/istio:
 * the TCP query of `istio.go`, and `appender/security_policy.go`), which skips a series that lacks one.
 */
import { createServer } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  API,
  connectTls,
  type Parts,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
  TRUST_DOMAIN,
} from "./harness.ts";

/** By label: what the series of a workload with mutual TLS must say, and whether edge (E) or padlock (P) needs it. */
const KIALI: Readonly<Record<string, { needs: "E" | "P" | "EP"; value: string }>> = {
  reporter: { needs: "EP", value: "destination" },
  source_cluster: { needs: "E", value: "unknown" },
  source_workload_namespace: { needs: "EP", value: "shop" },
  source_workload: { needs: "EP", value: "api" },
  source_canonical_service: { needs: "EP", value: "api" },
  source_canonical_revision: { needs: "EP", value: "latest" },
  source_principal: { needs: "P", value: API },
  destination_cluster: { needs: "E", value: "use1" },
  destination_service_namespace: { needs: "EP", value: "data" },
  destination_service: { needs: "E", value: "db.example.com" },
  destination_service_name: { needs: "EP", value: "db" },
  destination_workload_namespace: { needs: "EP", value: "portreeve" },
  destination_workload: { needs: "EP", value: "proxy-0" },
  destination_canonical_service: { needs: "EP", value: "proxy-0" },
  destination_canonical_revision: { needs: "EP", value: "latest" },
  destination_principal: { needs: "P", value: `spiffe://${TRUST_DOMAIN}/ns/portreeve/sa/proxy` },
  connection_security_policy: { needs: "P", value: "mutual_tls" },
  response_flags: { needs: "E", value: "-" },
};

let scope: Scope;
let proxy: TestProxy;
let port = 0;
let plainPort = 0;

beforeEach(async () => {
  scope = await openScope("proxy-metrics");
  [port = 0, plainPort = 0] = await freePorts(2);
});

afterEach(() => scope.stop());

async function start(more: Partial<Parts> = {}): Promise<void> {
  const backend = await startBackend(scope);
  proxy = await startProxy(scope, {
    proxy: { name: "proxy-0", namespace: "portreeve", cluster: "use1" },
    listeners: [
      { name: "db", mode: "mtls", bind: "127.0.0.1", port, service: "db" },
      { name: "plain", mode: "plaintext-loopback", port: plainPort, service: "db" },
    ],
    services: [
      {
        name: "db",
        ports: [{ port: 7 }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
        mesh: { host: "db.example.com", namespace: "data" },
      },
    ],
    rules: [{ id: "all", action: "allow", service: "db", subjects: { cidrs: ["127.0.0.0/8"] } }],
    ...more,
  });
}

async function visit(id = API): Promise<void> {
  const socket = await connectTls(proxy, port, proxy.client(id));
  const reading = readToEnd(socket);
  socket.end("hello");
  expect((await reading).toString()).toBe("hello");
}

/** Series of one metric: labels and value. */
async function seriesOf(name: string): Promise<{ labels: Record<string, string>; value: number }[]> {
  const lines = (await proxy.metrics())
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.map((line) => ({
    labels: Object.fromEntries(
      [...line.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value]),
    ),
    value: Number(line.slice(line.lastIndexOf(" ") + 1)),
  }));
}

const sumOf = async (name: string) => (await seriesOf(name)).reduce((sum, { value }) => sum + value, 0);

test.each([
  "istio_tcp_sent_bytes_total",
  "istio_tcp_received_bytes_total",
  "istio_tcp_connections_opened_total",
  "istio_tcp_connections_closed_total",
])("%s has every label that Kiali draws an edge and its padlock by", async (metric) => {
  await start();
  await visit();
  await proxy.record({ close: "client-closed" });
  const [series] = await seriesOf(metric);
  for (const [label, { value }] of Object.entries(KIALI)) expect(series?.labels[label], label).toBe(value);
});

test("a client without an identity is Kiali's `unknown`, without a padlock", async () => {
  await start();
  const socket = connect({ host: "127.0.0.1", port: plainPort, allowHalfOpen: true });
  const reading = readToEnd(socket);
  socket.end("hello");
  await reading;
  const [series] = await seriesOf("istio_tcp_sent_bytes_total");
  expect(series?.labels).toMatchObject({
    source_workload: "unknown",
    source_workload_namespace: "unknown",
    source_principal: "unknown",
    connection_security_policy: "none",
  });
});

describe("of handshakes", () => {
  test("each is counted by its result", async () => {
    await start({ limits: { handshakeTimeout: "1s" } });
    await visit();
    await visit();
    for (const make of [
      () => proxy.client(API, { notAfter: Date.now() - 1_000 }),
      () => proxy.client(API, { uris: [API, `${API}2`] }),
    ]) {
      await connectTls(proxy, port, make()).then(readToEnd, () => {});
    }
    const silent = connect({ host: "127.0.0.1", port });
    silent.on("error", () => {});
    await readToEnd(silent);
    await until("five handshakes", 10, async () => (await sumOf("portreeve_handshakes_total")) === 5);
    const results = Object.fromEntries(
      (await seriesOf("portreeve_handshakes_total")).map(({ labels, value }) => [
        `${labels["listener"]}/${labels["result"]}`,
        value,
      ]),
    );
    expect(results).toEqual({
      "db/full": 2,
      "db/CERT_HAS_EXPIRED": 1,
      "db/several-uris": 1,
      "db/timeout": 1,
    });
  });
});

test("of the process: the certificate's end, the loop's lag, and nothing that waits when nothing lives", async () => {
  await start();
  await visit();
  await until("nothing lives", 10, async () => (await sumOf("portreeve_deadlines")) === 0);
  const expires = await sumOf("portreeve_certificate_expiry_seconds");
  expect(expires).toBeGreaterThan(Date.now() / 1_000 + 3_600);
  expect(expires).toBeLessThan(Date.now() / 1_000 + 2 * 86_400);
  const lag = await sumOf("portreeve_event_loop_lag_seconds");
  expect(lag).toBeGreaterThanOrEqual(0);
  expect(lag).toBeLessThan(30);
});

test("principals beyond the bound share one series, and no byte of theirs is lost", async () => {
  const [metricsPort = 0] = await freePorts(1);
  await start({ metrics: { bind: "127.0.0.1", port: metricsPort, maxSeries: 10 } });
  for (let index = 0; index < 25; index++) await visit(`spiffe://${TRUST_DOMAIN}/ns/shop/sa/w${index}`);
  await until("all are counted", 10, async () => (await sumOf("istio_tcp_connections_closed_total")) === 25);
  const series = await seriesOf("istio_tcp_received_bytes_total");
  expect(series).toHaveLength(11);
  expect(series.find(({ labels }) => labels["overflow"] === "true")?.value).toBe(15 * 5);
  expect(await sumOf("istio_tcp_received_bytes_total")).toBe(25 * 5);
});

describe("as OTLP", () => {
  interface Exported {
    readonly resourceMetrics: {
      resource: { attributes: { key: string; value: { stringValue: string } }[] };
      scopeMetrics: { metrics: { name: string; sum?: { dataPoints: { asDouble: number }[] } }[] }[];
    }[];
  }

  test.each([1, 2])("with %i workers, the last export has all that was counted", async (workers) => {
    const exports: Exported[] = [];
    const collector = createServer((request, response) => {
      let body = "";
      request.on("data", (data) => {
        body += String(data);
      });
      request.on("end", () => {
        exports.push(JSON.parse(body) as Exported);
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      });
    });
    await new Promise<void>((done) => collector.listen(0, "127.0.0.1", () => done()));
    scope.onStop(() => void collector.close());
    const address = collector.address();
    const endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    const [metricsPort = 0] = await freePorts(1);
    await start({
      workers,
      metrics: { bind: "127.0.0.1", port: metricsPort, otlp: { endpoint, interval: "200ms" } },
    });
    for (let index = 0; index < 10; index++) await visit();
    await until(
      "all are counted",
      10,
      async () => (await sumOf("istio_tcp_connections_closed_total")) === 10,
    );
    process.kill(proxy.running.pid, "SIGTERM");
    await until("it has stopped", 20, () => proxy.running.log().includes('"message":"stopped"'));
    const exported = (name: string) =>
      exports
        .at(-1)
        ?.resourceMetrics[0]?.scopeMetrics[0]?.metrics.find((metric) => metric.name === name)
        ?.sum?.dataPoints.reduce((sum, { asDouble }) => sum + asDouble, 0);
    await until("the last export", 10, () => exported("istio_tcp_connections_closed_total") === 10);
    expect(exported("istio_tcp_received_bytes_total")).toBe(50);
    expect(exported("portreeve_handshakes_total")).toBe(10);
    expect(exports.at(-1)?.resourceMetrics[0]?.resource.attributes).toContainEqual({
      key: "service.name",
      value: { stringValue: "portreeve-proxy" },
    });
  });
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { until } from "../../test/cluster/until.ts";
import { formatLabels, formatSnapshot, SeriesRegistry } from "../metrics/series.ts";
import { AuditLog } from "./audit-log.ts";
import { FileSink } from "./file-sink.ts";
import { OtlpSink } from "./otlp-sink.ts";
import type { Sink } from "./sink.ts";

/** A sink that fails while told to, and else keeps what it gets. */
class TestSink implements Sink {
  readonly name = "test";
  failing = false;
  text = "";
  release: (() => void) | undefined;
  slow = false;
  async write(text: string): Promise<void> {
    if (this.slow) {
      await new Promise<void>((done) => {
        this.release = done;
      });
    }
    if (this.failing) throw new Error("no space left");
    this.text += text;
  }
  async close(): Promise<void> {}
}

describe("the audit log", () => {
  test("writes what came while a sink was failing, each record once and in order, when it works again", async () => {
    const sink = new TestSink();
    const changes: boolean[] = [];
    const log = new AuditLog([sink], 100, 5);
    log.onChange = (healthy) => changes.push(healthy);
    sink.failing = true;
    log.write("1\n");
    await until("the failure is told", 5, () => !log.healthy);
    log.write("2\n");
    sink.failing = false;
    await until("all is written", 5, () => sink.text === "1\n2\n");
    expect(log.healthy).toBe(true);
    expect(changes).toEqual([false, true]);
    expect(log.written).toBe(2);
    expect(log.lost).toBe(0);
  });

  test("holds no more than its bound while a sink is slow, and counts what is lost", async () => {
    const sink = new TestSink();
    sink.slow = true;
    const log = new AuditLog([sink], 3, 5);
    log.write("first\n");
    await until("the sink is busy", 5, () => sink.release !== undefined);
    for (let index = 0; index < 5; index++) log.write(`${index}\n`);
    expect(log.healthy).toBe(false);
    expect(log.lost).toBe(2);
    sink.slow = false;
    sink.release?.();
    await log.drained();
    expect(sink.text).toBe("first\n0\n1\n2\n");
    expect(log.healthy).toBe(true);
  });

  test("keeps a file's rotated parts whole and in order", async () => {
    const dir = mkdtempSync(join(tmpdir(), "portreeve-audit-"));
    const path = join(dir, "a.jsonl");
    const sink = new FileSink({ path, maxBytes: 10, maxFiles: 2, fsync: "always" });
    for (const line of ["aaaa\n", "bbbb\n", "cccc\n", "dddd\n", "eeee\n"]) await sink.write(line);
    await sink.close();
    expect([path, `${path}.1`, `${path}.2`].map((file) => readFileSync(file, "utf8"))).toEqual([
      "eeee\n",
      "cccc\ndddd\n",
      "aaaa\nbbbb\n",
    ]);
    rmSync(dir, { recursive: true });
  });

  test("sends OTLP logs that hold the record and its key fields, and fails when they are not taken", async () => {
    const bodies: string[] = [];
    let status = 200;
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (data) => {
        body += data;
      });
      request.on("end", () => {
        bodies.push(`${request.url} ${body}`);
        response.writeHead(status).end("{}");
      });
    });
    await new Promise<void>((done) => {
      server.listen(0, "127.0.0.1", () => done());
    });
    const address = server.address();
    const sink = new OtlpSink(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`);
    const line = JSON.stringify({
      time: "2026-01-01T00:00:00.000Z",
      connection: "c-1",
      verdict: "deny",
      rule: "r",
    });
    await sink.write(`${line}\n`);
    expect(bodies[0]).toMatch(/^\/v1\/logs /);
    const sent = JSON.parse((bodies[0] ?? "").slice("/v1/logs ".length)) as {
      resourceLogs: { scopeLogs: { logRecords: object[] }[] }[];
    };
    expect(sent.resourceLogs[0]?.scopeLogs[0]?.logRecords).toEqual([
      {
        timeUnixNano: "1767225600000000000",
        severityNumber: 13,
        severityText: "WARN",
        body: { stringValue: line },
        attributes: [
          { key: "connection", value: { stringValue: "c-1" } },
          { key: "verdict", value: { stringValue: "deny" } },
          { key: "rule", value: { stringValue: "r" } },
        ],
      },
    ]);
    status = 503;
    await expect(sink.write(`${line}\n`)).rejects.toThrow("503");
    server.close();
  });
});

describe("metrics", () => {
  test("escape what a client may have chosen, and bound how many label sets there are", () => {
    const registry = new SeriesRegistry(3);
    const count = registry.counter("c_total", "A counter.");
    count(formatLabels({ user: 'a"b\\c\nd' }), 1);
    for (let index = 0; index < 100; index++) count(formatLabels({ user: `u${index}` }), 1);
    const lines = formatSnapshot(registry.snapshot()).trim().split("\n");
    expect(lines[2]).toBe('c_total{user="a\\"b\\\\c\\nd"} 1');
    expect(lines).toHaveLength(2 + 3 + 1);
    expect(lines.at(-1)).toBe('c_total{overflow="true"} 98');
  });
});

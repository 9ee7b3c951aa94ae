import type { Sink } from "./sink.ts";

/** Longest wait for the collector's answer. */
const TIMEOUT_MS = 5_000;

/**
 * Sends records as OTLP logs in the protocol's JSON encoding over HTTP (`POST ENDPOINT/v1/logs`). One record is one log
 * record whose body is the JSON line, byte for byte, so that its chain can be verified from there; what is looked for most
 * is in attributes as well.
 */
export class OtlpSink implements Sink {
  readonly name = "otlp";
  readonly #url: string;

  constructor(endpoint: string) {
    this.#url = `${endpoint.replace(/\/+$/, "")}/v1/logs`;
  }

  async write(text: string): Promise<void> {
    const logRecords = text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => toLogRecord(line));
    const resource = { attributes: [attribute("service.name", "portreeve-proxy")] };
    const scopeLogs = [{ scope: { name: "portreeve" }, logRecords }];
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resourceLogs: [{ resource, scopeLogs }] }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`the OTLP collector answered ${response.status}`);
  }

  async close(): Promise<void> {}
}

function toLogRecord(line: string): unknown {
  const record = JSON.parse(line) as Record<string, unknown>;
  const time = typeof record["time"] === "string" ? Date.parse(record["time"]) : Date.now();
  const attributes = [
    "connection",
    "event",
    "verdict",
    "rule",
    "src.identity",
    "dst.service",
    "close",
    "chain",
    "seq",
    "hash",
  ].flatMap((name) => {
    const value = record[name];
    if (typeof value === "number") return [{ key: name, value: { intValue: String(value) } }];
    return typeof value === "string" ? [attribute(name, value)] : [];
  });
  return {
    timeUnixNano: `${BigInt(Math.round(time)) * 1_000_000n}`,
    severityNumber: record["verdict"] === "deny" ? 13 : 9,
    severityText: record["verdict"] === "deny" ? "WARN" : "INFO",
    body: { stringValue: line },
    attributes,
  };
}

function attribute(key: string, value: string): unknown {
  return { key, value: { stringValue: value } };
}

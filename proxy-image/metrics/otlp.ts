import { type Labels, parseLabels, type SeriesSnapshot } from "./series.ts";

/** `AGGREGATION_TEMPORALITY_CUMULATIVE` of the protocol: totals since the start, as Prometheus has them. */
const CUMULATIVE = 2;
/** Longest wait for the collector's answer. */
const TIMEOUT_MS = 5_000;

export interface OtlpMetricsOptions {
  /** Base address of the collector; `/v1/metrics` is added. */
  readonly endpoint: string;
  /** Between two exports, milliseconds. */
  readonly interval: number;
  /** Attributes of the resource, such as `service.name`. */
  readonly resource: Labels;
  snapshot(): Promise<SeriesSnapshot>;
  /** Told when exports begin to fail, and with undefined when they succeed again. */
  onChange(error: string | undefined): void;
}

/**
 * Exports every metric as OTLP in the protocol's JSON encoding over HTTP (`POST ENDPOINT/v1/metrics`), at an interval and a
 * last time at the end. An export that fails is not repeated: the next one carries the same totals and more.
 */
export class OtlpMetrics {
  readonly #options: OtlpMetricsOptions;
  readonly #url: string;
  readonly #startedAt = Date.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #failing = false;
  #pending: Promise<void> | undefined;

  constructor(options: OtlpMetricsOptions) {
    this.#options = options;
    this.#url = `${options.endpoint.replace(/\/+$/, "")}/v1/metrics`;
    this.#timer = setInterval(() => void this.export(), options.interval);
  }

  /** Exports now, or waits for the export that is under way; a collector that is slow gets one at a time. */
  export(): Promise<void> {
    this.#pending ??= this.#send().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  /** Exports a last time, and no more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#pending;
    await this.export();
  }

  async #send(): Promise<void> {
    try {
      const snapshot = await this.#options.snapshot();
      const body = toOtlp(snapshot, this.#options.resource, this.#startedAt, Date.now());
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`the OTLP collector answered ${response.status}`);
      if (this.#failing) this.#options.onChange(undefined);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#options.onChange(error instanceof Error ? error.message : String(error));
      this.#failing = true;
    }
  }
}

/**
 * An `ExportMetricsServiceRequest`.
 *
 * @param startedAt since when the totals count, epoch milliseconds
 * @param now epoch milliseconds
 */
export function toOtlp(snapshot: SeriesSnapshot, resource: Labels, startedAt: number, now: number): unknown {
  const time = { startTimeUnixNano: nanoseconds(startedAt), timeUnixNano: nanoseconds(now) };
  const metrics = snapshot
    // A metric without a series has no data point, which the protocol has no use for.
    .filter(({ series }) => series.length > 0)
    .map(({ name, help, type, series }) => {
      const dataPoints = series.map(([labels, value]) => ({
        ...time,
        attributes: attributesOf(parseLabels(labels)),
        asDouble: value,
      }));
      const data =
        type === "counter"
          ? { sum: { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: true } }
          : { gauge: { dataPoints } };
      return { name, description: help, ...data };
    });
  const scopeMetrics = [{ scope: { name: "portreeve" }, metrics }];
  return { resourceMetrics: [{ resource: { attributes: attributesOf(resource) }, scopeMetrics }] };
}

function attributesOf(labels: Labels): unknown[] {
  return Object.entries(labels).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

/** A 64-bit number, which JSON's encoding of the protocol has as text. */
function nanoseconds(milliseconds: number): string {
  return (BigInt(Math.round(milliseconds)) * 1_000_000n).toString();
}

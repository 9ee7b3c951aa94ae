/** Labels of one series, in the order in which they are written. */
export type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly series: Map<string, number>;
}

/** Counters and gauges, written in Prometheus' text format. Label sets are bounded; what exceeds is counted together. */
export class SeriesRegistry {
  readonly #families = new Map<string, Family>();
  readonly #maxSeries: number;

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries;
  }

  counter(name: string, help: string): (labels: string, by: number) => void {
    const family = this.#family(name, help, "counter");
    return (labels, by) => {
      const known = family.series.get(labels);
      const key = known === undefined ? this.#keyIn(family, labels) : labels;
      family.series.set(key, (known ?? family.series.get(key) ?? 0) + by);
    };
  }

  gauge(name: string, help: string): (labels: string, value: number) => void {
    const family = this.#family(name, help, "gauge");
    return (labels, value) => {
      family.series.set(this.#keyIn(family, labels), value);
    };
  }

  /** A gauge says what is now: before all are set anew, so that none stays of what is there no more. */
  forgetGauges(): void {
    for (const { type, series } of this.#families.values()) if (type === "gauge") series.clear();
  }

  /** A counter that is kept elsewhere: its value as it is now. */
  total(name: string, help: string, value: number): void {
    this.#family(name, help, "counter").series.set("", value);
  }

  /** Values by `name{labels}`: for adding up several processes. */
  snapshot(): SeriesSnapshot {
    return [...this.#families.values()].map(({ name, help, type, series }) => ({
      name,
      help,
      type,
      series: [...series],
    }));
  }

  #family(name: string, help: string, type: "counter" | "gauge"): Family {
    const known = this.#families.get(name);
    if (known) return known;
    const family: Family = { name, help, type, series: new Map() };
    this.#families.set(name, family);
    return family;
  }

  #keyIn(family: Family, labels: string): string {
    if (family.series.has(labels) || family.series.size < this.#maxSeries) return labels;
    return 'overflow="true"';
  }
}

export type SeriesSnapshot = {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly series: readonly (readonly [string, number])[];
}[];

/** Labels as they stand between braces. */
export function formatLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(",");
}

/** Labels out of the text between braces: the inverse of {@link formatLabels}. */
export function parseLabels(text: string): Labels {
  const labels: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
  }
  return labels;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** Adds the series of several processes up; every gauge here is an amount of which each process holds its part. */
export function addSnapshots(snapshots: readonly SeriesSnapshot[]): SeriesSnapshot {
  const families = new Map<
    string,
    { name: string; help: string; type: "counter" | "gauge"; series: Map<string, number> }
  >();
  for (const { name, help, type, series } of snapshots.flat()) {
    const family = families.get(name) ?? { name, help, type, series: new Map<string, number>() };
    families.set(name, family);
    for (const [labels, value] of series) family.series.set(labels, (family.series.get(labels) ?? 0) + value);
  }
  return [...families.values()].map((family) => ({ ...family, series: [...family.series] }));
}

/** Prometheus' text exposition format, version 0.0.4. */
export function formatSnapshot(snapshot: SeriesSnapshot): string {
  const lines: string[] = [];
  for (const { name, help, type, series } of snapshot) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of series)
      lines.push(labels === "" ? `${name} ${value}` : `${name}{${labels}} ${value}`);
  }
  return `${lines.join("\n")}\n`;
}

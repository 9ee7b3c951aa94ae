/** One line of the generator. */
export interface Measurement {
  readonly name: string;
  readonly mode: string;
  readonly rate: number;
  readonly gbps: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly errs: number;
  readonly cpu_us_per_op: number;
  readonly kb_per_conn: number;
}

/** A row of the table: what is measured, and which way is better. */
export interface Row {
  readonly title: string;
  readonly args: readonly string[];
  readonly tls: boolean;
  readonly unit: string;
  readonly value: (one: Measurement) => number;
  readonly higherIsBetter: boolean;
  /** Needs a fresh process: memory. */
  readonly fresh?: boolean;
}

const rate = { unit: "/s", value: (one: Measurement) => one.rate, higherIsBetter: true };
const gbps = { unit: "Gbit/s", value: (one: Measurement) => one.gbps, higherIsBetter: true };
const p99 = { unit: "ms p99", value: (one: Measurement) => one.p99us / 1_000, higherIsBetter: false };
const memory = {
  unit: "KiB",
  value: (one: Measurement) => one.kb_per_conn,
  higherIsBetter: false,
  fresh: true,
};
const cpu = { unit: "µs CPU", value: (one: Measurement) => one.cpu_us_per_op, higherIsBetter: false };

const connections = ["mode=conn", "conns=32"];
const handshakes = ["mode=conn", "conns=32", "tls=1"];

/** The same run gives several rows where `args` are equal. */
export const ROWS: readonly Row[] = [
  { title: "plain connections", args: connections, tls: false, ...rate },
  { title: "plain connection", args: connections, tls: false, ...cpu },
  { title: "mTLS full handshakes", args: handshakes, tls: true, ...rate },
  { title: "mTLS full handshake", args: handshakes, tls: true, ...cpu },
  { title: "mTLS full handshakes", args: handshakes, tls: true, ...p99 },
  { title: "mTLS resumed handshakes", args: [...handshakes, "resume=1"], tls: true, ...rate },
  { title: "plain, 1 connection, up", args: ["mode=tput", "dir=up", "conns=1"], tls: false, ...gbps },
  { title: "plain, 1 connection, down", args: ["mode=tput", "dir=down", "conns=1"], tls: false, ...gbps },
  { title: "plain, 16 connections, up", args: ["mode=tput", "dir=up", "conns=16"], tls: false, ...gbps },
  { title: "plain, 16 connections, down", args: ["mode=tput", "dir=down", "conns=16"], tls: false, ...gbps },
  { title: "mTLS, 1 connection, up", args: ["mode=tput", "dir=up", "conns=1", "tls=1"], tls: true, ...gbps },
  {
    title: "mTLS, 1 connection, down",
    args: ["mode=tput", "dir=down", "conns=1", "tls=1"],
    tls: true,
    ...gbps,
  },
  {
    title: "mTLS, 16 connections, up",
    args: ["mode=tput", "dir=up", "conns=16", "tls=1"],
    tls: true,
    ...gbps,
  },
  {
    title: "mTLS, 16 connections, down",
    args: ["mode=tput", "dir=down", "conns=16", "tls=1"],
    tls: true,
    ...gbps,
  },
  {
    title: "plain round trips, 64 connections",
    args: ["mode=lat", "conns=64", "size=64"],
    tls: false,
    ...rate,
  },
  {
    title: "plain round trips, 64 connections",
    args: ["mode=lat", "conns=64", "size=64"],
    tls: false,
    ...p99,
  },
  {
    title: "mTLS round trips, 64 connections",
    args: ["mode=lat", "conns=64", "size=64", "tls=1"],
    tls: true,
    ...rate,
  },
  {
    title: "mTLS round trips, 64 connections",
    args: ["mode=lat", "conns=64", "size=64", "tls=1"],
    tls: true,
    ...p99,
  },
  {
    title: "mTLS round trips of 1 KiB, 256 connections",
    args: ["mode=lat", "conns=256", "size=1024", "tls=1"],
    tls: true,
    ...rate,
  },
  { title: "plain, idle connection", args: ["mode=idle", "conns=3000", "dur=1"], tls: false, ...memory },
  {
    title: "mTLS, idle connection",
    args: ["mode=idle", "conns=1500", "dur=1", "tls=1"],
    tls: true,
    ...memory,
  },
];

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** A Markdown table: medians with their spread, and Portreeve against the best peer of each row. */
export function formatTable(
  results: ReadonlyMap<Row, ReadonlyMap<string, readonly number[]>>,
  peers: readonly string[],
): string {
  const others = peers.filter((name) => name !== "portreeve");
  const head = `| | portreeve | ${others.join(" | ")} | to the best peer |\n|---|${"---|".repeat(others.length + 2)}\n`;
  const lines = [...results].map(([row, byPeer]) => {
    const cell = (name: string) => formatCell(byPeer.get(name));
    const best = others
      .map((name) => median(byPeer.get(name) ?? []))
      .filter((value) => Number.isFinite(value))
      .reduce(
        (a, b) => (row.higherIsBetter === a > b ? a : b),
        row.higherIsBetter ? 0 : Number.POSITIVE_INFINITY,
      );
    const own = median(byPeer.get("portreeve") ?? []);
    const ratio = row.higherIsBetter ? own / best : best / own;
    return `| ${row.title}, ${row.unit} | ${cell("portreeve")} | ${others.map(cell).join(" | ")} | ${Number.isFinite(ratio) ? ratio.toFixed(2) : "–"} |`;
  });
  return `${head}${lines.join("\n")}\n`;
}

function formatCell(values: readonly number[] | undefined): string {
  if (!values || values.length === 0) return "–";
  const show = (value: number) => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1));
  return `${show(median(values))} (${show(Math.min(...values))}–${show(Math.max(...values))})`;
}

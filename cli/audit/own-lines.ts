import type { ChainEnd } from "../../policy/audit/chain-line.ts";

/** What a line of the chain's own says; fields that are not of their type count as absent. */
export interface OwnLine {
  readonly event: string | undefined;
  readonly key: string | undefined;
  readonly every: number | undefined;
  readonly after: ChainEnd | undefined;
  /** The chain before ended in the same file. */
  readonly here: boolean | undefined;
  readonly torn: number | undefined;
  readonly lost: number | undefined;
  readonly sink: string | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly final: boolean | undefined;
  readonly sig: string | undefined;
}

export function parseChainLine(line: Buffer): OwnLine {
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch {
    value = {};
  }
  const after = fieldOf(value, "after");
  const [chain, seq, hash] = [text(after, "chain"), count(after, "seq"), text(after, "hash")];
  return {
    event: text(value, "event"),
    key: text(value, "key"),
    every: count(value, "every"),
    after: chain !== undefined && seq !== undefined && hash !== undefined ? { chain, seq, hash } : undefined,
    here: fieldOf(after, "here") === true,
    torn: count(value, "torn"),
    lost: count(value, "lost"),
    sink: text(value, "sink"),
    from: count(value, "from"),
    to: count(value, "to"),
    final: fieldOf(value, "final") === true,
    sig: text(value, "sig"),
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function text(value: unknown, name: string): string | undefined {
  const found = fieldOf(value, name);
  return typeof found === "string" ? found : undefined;
}

function count(value: unknown, name: string): number | undefined {
  const found = fieldOf(value, name);
  return typeof found === "number" && Number.isSafeInteger(found) && found >= 0 ? found : undefined;
}

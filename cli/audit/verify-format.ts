import { printable } from "./printable.ts";
import type { Verification } from "./verification.ts";

export function verifyText({ problems, more, notes, chains, lines, bytes }: Verification): string {
  const out = [
    ...problems.map(({ kind, file, line, message }) => `${place(file, line)}: ${kind}: ${message}`),
    ...(more > 0 ? [`… and ${more} more problems`] : []),
    ...notes.map(({ file, line, message }) => `${place(file, line)}: note: ${message}`),
    ...chains.map((chain) => {
      const end = chain.closed ? "closed" : "open";
      const cover =
        chain.unprotected === undefined
          ? "signatures not checked (no --key)"
          : `${chain.unprotected} lines after the last signed checkpoint`;
      return `chain ${chain.chain}: lines ${chain.first} to ${chain.last}, ${end}, ${cover}; head ${chain.chain}:${chain.last}:${chain.hash}`;
    }),
    `${lines} lines, ${(bytes / 1e6).toFixed(1)} MB, ${chains.length} ${chains.length === 1 ? "chain" : "chains"}: ${
      problems.length === 0
        ? "nothing was changed, removed, reordered or inserted"
        : problemCount(problems.length + more)
    }`,
  ];
  return `${out.map(printable).join("\n")}\n`;
}

function place(file: string, line: number): string {
  return line === 0 ? file : `${file}:${line}`;
}

export function verifyJson(verification: Verification): string {
  return `${JSON.stringify({ ok: verification.problems.length === 0, ...verification }, undefined, 2)}\n`;
}

function problemCount(count: number): string {
  return count === 1 ? "1 problem" : `${count} problems`;
}

import type { Change } from "../changes.ts";

/** A tool that a reviewer could let run over a pull request. */
export interface Tool {
  readonly name: string;
  /** The commands, as they would be typed; BASE and HEAD stand for the two folders. */
  readonly commands: readonly string[];
  readonly version: () => Promise<string>;
  /** What it says of the change; linters: what they say of HEAD and did not say of BASE. */
  readonly run: (change: Change) => Promise<readonly string[]>;
}

/** The lines of `after` that `before` has not, as often as they are more. */
export function added(before: readonly string[], after: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of before) left.set(line, (left.get(line) ?? 0) + 1);
  return after.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

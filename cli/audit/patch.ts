import { createTwoFilesPatch } from "diff";

/** A file before and after; undefined after means that it goes. */
export interface Change {
  readonly name: string;
  readonly before: string;
  readonly after: string | undefined;
}

/** A patch that `git apply` and `patch -p1` take. */
export function patchOf(changes: readonly Change[]): string {
  return changes
    .filter(({ before, after }) => before !== after)
    .map(({ name, before, after }) => {
      const path = name.replace(/^(\.?\/)+/, "");
      const from = before === "" ? "/dev/null" : `a/${path}`;
      const to = after === undefined ? "/dev/null" : `b/${path}`;
      const patch = createTwoFilesPatch(from, to, before, after ?? "", undefined, undefined, { context: 3 });
      const head =
        before === "" ? "new file mode 100644\n" : after === undefined ? "deleted file mode 100644\n" : "";
      return `diff --git a/${path} b/${path}\n${head}${patch.replace(/^=+\n/, "")}`;
    })
    .join("");
}

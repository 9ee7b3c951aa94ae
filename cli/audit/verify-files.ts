import { readLines } from "./lines.ts";
import type { Verification, VerifyOptions } from "./verification.ts";
import { Verifier } from "./verify.ts";

/** Checks files with records, in the order in which they were written. Memory does not grow with them. */
export async function verifyFiles(
  files: readonly string[],
  options: VerifyOptions = {},
): Promise<Verification> {
  const verifier = new Verifier(options);
  for (const file of files) {
    verifier.beginFile(file);
    await readLines(file, {
      line: (line, number) => verifier.line(line, number),
      rest: (bytes, number) => verifier.rest(bytes, number),
    });
  }
  return verifier.end();
}

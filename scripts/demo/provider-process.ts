/**
 * The people's demo's OpenID Connect provider as a process of its own: its notices, that it is one for development, go to its
 * log and not between the steps. `provider-process.ts FILE`: FILE is written, with the issuer, once it answers.
 */
import { renameSync, writeFileSync } from "node:fs";
import { startProvider } from "../../test/people/provider.ts";

/** Long enough to look around with `--keep`; what a provider gives people is shorter. */
const TOKEN_SECONDS = 3600;

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("usage: provider-process.ts FILE");
const { issuer } = await startProvider({
  users: { alice: ["dba"], bob: ["interns"] },
  tokenSeconds: TOKEN_SECONDS,
});
// At once or not at all: who waits for the file must not read half of it.
writeFileSync(`${file}.new`, issuer);
renameSync(`${file}.new`, file);

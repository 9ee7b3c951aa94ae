import { createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { CliError, EXIT } from "../exit.ts";
import { Output } from "../io/output.ts";
import { logFiles } from "./log-files.ts";
import { collect } from "./options.ts";
import type { Expected } from "./verification.ts";
import { verifyFiles } from "./verify-files.ts";
import { verifyJson, verifyText } from "./verify-format.ts";

interface Options {
  readonly key: readonly string[];
  readonly expect: readonly string[];
  readonly partial?: true;
  readonly format: "text" | "json";
}

/** `portreeve audit verify`: was anything changed, removed, reordered, inserted or cut off? */
export function registerVerify(audit: Command, exit: (code: number) => void): void {
  audit
    .command("verify")
    .description("Find every line that was changed, removed, reordered, inserted or cut off.")
    .argument("<files...>", "files with records, folders of them, or - for standard input")
    .option("--key <file>", "public key (PEM) of signed checkpoints; may be given several times", collect, [])
    .option(
      "--expect <line>",
      "[CHAIN:]SEQ:HASH that must be there, kept elsewhere; may be repeated",
      collect,
      [],
    )
    .option("--partial", "the files are cut from a longer log, as a collector does: no beginning is needed")
    .addOption(new Option("--format <format>", "how it is written").choices(["text", "json"]).default("text"))
    .addOption(new Option("--json", "the same as --format json").implies({ format: "json" }))
    .addHelpText(
      "after",
      `
Examples:
  portreeve audit verify /var/log/portreeve
  portreeve audit verify audit.jsonl.1 audit.jsonl --key audit-public.pem
  portreeve audit verify audit.jsonl --expect 4711:Jx0…   the line was there when somebody wrote this down

Without --key somebody who can write the files can write them anew from some line on, with right hashes. Without --expect
nobody can tell whether lines were cut off the end of a chain that is still open: the last checkpoint in the proxy's own
log (standard error, "audit checkpoint") is what to keep elsewhere.

Exit code: 0 nothing is wrong, 1 something is, 2 could not run, or there was nothing to verify.`,
    )
    .action(async (paths: readonly string[], options: Options) => {
      const keys = options.key.map(readKey);
      const expected = options.expect.map(parseExpected);
      const found = await verifyFiles(logFiles(paths), { keys, expect: expected, partial: options.partial });
      const output = new Output(process.stdout);
      await output.write(options.format === "json" ? verifyJson(found) : verifyText(found));
      await output.flush();
      // An emptied file, or one of something else, holds nothing that was changed: that must not pass for verified.
      if (found.chains.length === 0 && found.problems.length === 0) {
        throw new CliError(
          `${paths.join(", ")}: no record is in there, so nothing was verified. Is it the right file, or was it emptied?`,
        );
      }
      exit(found.problems.length > 0 ? EXIT.found : EXIT.ok);
    });
}

function readKey(file: string): KeyObject {
  try {
    const key = createPublicKey(readFileSync(file));
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch (cause) {
    throw new CliError(`--key ${file}: cannot be read as a public key in PEM`, undefined, { cause });
  }
  throw new CliError(`--key ${file}: is no Ed25519 key; get it with: openssl pkey -in KEY -pubout`);
}

function parseExpected(text: string): Expected {
  const [, chain, seq, hash] = /^(?:([\w-]{1,64}):)?(\d{1,15}):([\w-]{43})$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined) {
    throw new CliError(`--expect "${text}": write SEQ:HASH or CHAIN:SEQ:HASH, as the proxy's log has it`);
  }
  return { chain, seq: Number(seq), hash };
}

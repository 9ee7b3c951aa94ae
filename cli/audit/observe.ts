import { type Observations, Observer } from "../../policy/audit/index.ts";
import type { Model } from "../../policy/model/types.ts";
import { CliError } from "../exit.ts";
import { readLines } from "./lines.ts";
import { logFiles } from "./log-files.ts";

/** Adds up the records of a period from files of JSON lines. @throws CliError for what cannot be read so */
export async function observe(
  model: Model,
  paths: readonly string[],
  since: number,
  until: number,
): Promise<Observations> {
  const asking = new Set(
    model.rules.flatMap(({ service, subjects, when }) =>
      subjects.cidrs.length > 0 || when.sourceCidrs ? [service] : [],
    ),
  );
  const observer = new Observer(since, until, (service) => asking.has(service));
  for (const file of logFiles(paths)) {
    if (file.endsWith(".parquet")) {
      if (paths.includes(file))
        throw new CliError(`${file}: report and suggest read JSON lines, because they name each line`);
      continue;
    }
    await readLines(file, {
      line: (line, number) => observer.line(line.toString("utf8"), { file, line: number }),
      // A last line without its end may still be on its way.
      rest: (line, number) => observer.line(line.toString("utf8"), { file, line: number }),
    });
  }
  return observer.end();
}

/**
 * node bench/comparison/run.ts            runs every tool over every change set, and prints what each says
 * node bench/comparison/run.ts --write    the same, into results.json and docs/comparison.md
 * node bench/comparison/run.ts --page     docs/comparison.md again, from results.json
 *
 * The tools are made first where they are not there (`npm run parts`). A line of a tool that `judgements.yaml` does not
 * value stops the page: nobody's output is counted unread.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { readChanges } from "./changes.ts";
import { childCpu } from "./child-cpu.ts";
import { page, pageFile } from "./page.ts";
import { type Results, readResults, resultsFile } from "./results.ts";
import { checkov } from "./tools/checkov.ts";
import { conftest } from "./tools/conftest.ts";
import { istioctl } from "./tools/istioctl.ts";
import { kubeScore } from "./tools/kube-score.ts";
import { nca } from "./tools/nca.ts";
import { portreeve } from "./tools/portreeve.ts";

const tools = [portreeve, nca, istioctl, conftest, checkov, kubeScore];

async function measure(): Promise<Results> {
  const about = [];
  for (const { name, version, commands } of tools) {
    about.push({ name, version: await version(), commands: [...commands] });
  }
  const cells: Results["cells"] = {};
  for (const change of readChanges()) {
    const row: Results["cells"][string] = {};
    for (const tool of tools) {
      const start = childCpu();
      const says = [...(await tool.run(change))];
      row[tool.name] = { says, milliseconds: Math.round(childCpu() - start) };
      console.log(`${change.id}  ${tool.name}  ${row[tool.name]?.milliseconds} ms`);
      for (const line of says) console.log(`    ${line}`);
    }
    cells[change.id] = row;
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}, node ${process.version}`;
  return { date: new Date().toISOString().slice(0, 10), machine, tools: about, cells };
}

const [option] = process.argv.slice(2);
if (option !== undefined && option !== "--write" && option !== "--page") {
  console.error("usage: node bench/comparison/run.ts [--write | --page]");
  process.exit(2);
}
const results = option === "--page" ? readResults() : await measure();
if (option === "--write") writeFileSync(resultsFile, `${JSON.stringify(results, null, 2)}\n`);
if (option !== undefined) writeFileSync(pageFile, page(readChanges(), results));

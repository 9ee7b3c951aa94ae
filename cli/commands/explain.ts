import { existsSync } from "node:fs";
import { Option } from "commander";
import type { Via } from "../../policy/decide/index.ts";
import { explain, explainChains } from "../../policy/explain/index.ts";
import { loadPolicySet } from "../../policy/load/index.ts";
import { CliError, EXIT } from "../exit.ts";
import { explainJson } from "../explain/json.ts";
import { isRuleId, rulePage } from "../explain/rule-page.ts";
import { explainText } from "../explain/text.ts";
import { useColor } from "../format/color.ts";
import { instantOption } from "../instant.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly via?: Via;
  readonly at?: string;
  readonly ip?: string;
  readonly sni?: string;
  readonly format: "text" | "json";
}

/** The path may be left out: most repositories keep their policies in one place. */
function wordsOf(words: readonly string[]): [path: string, from: string, to: string] {
  const [to = "", from = "", path = existsSync("policies") ? "policies" : "."] = words.toReversed();
  if (words.length < 2 || words.length > 3) {
    throw new CliError(
      `explain takes [path] <from> <to>, such as shop/api orders-db:5432, or a rule, such as PR431; it was given: ${words.join(" ")}`,
    );
  }
  return [path, from, to];
}

/** `portreeve explain`: why is a connection allowed or not, and what would change that? */
export const registerExplain: Register = (program, exit) => {
  program
    .command("explain")
    .description(
      "Say why a connection is allowed or not, what almost matched, and what would turn the verdict.",
    )
    .usage("[options] [path] <from> <to> | RULE")
    .argument(
      "<words...>",
      "path: policy file or folder (default: policies/, or this folder); from: shop/api, okta:ann@example.com, agent:triage, a role's ARN, an address; a chain is joined by +; to: service:port, the port may be left out when there is one",
    )
    .addOption(
      new Option("--via <point>", "enforcement point (default: the service's)").choices(["mesh", "proxy"]),
    )
    .option("--at <instant>", "judge at this instant (default: now)")
    .option("--ip <address>", "address of the client")
    .option("--sni <name>", "server name in the client's TLS")
    .addOption(new Option("--format <format>", "how it is written").choices(["text", "json"]).default("text"))
    .addHelpText(
      "after",
      `
Examples:
  portreeve explain shop/api orders-db:5432
  portreeve explain infra/policies/ shop/reports orders-db
  portreeve explain policies/ ops/bastion+okta:dba orders-db --at 2027-01-01
  portreeve explain PR431                        a rule that lint names: why, how to mend it, how to waive it

Exit code: 0 allowed, 1 denied, 2 could not be answered.`,
    )
    .action((words: string[], options: Options) => {
      const [first = ""] = words;
      if (words.length === 1 && isRuleId(first)) {
        process.stdout.write(rulePage(first));
        return;
      }
      const [path, from, to] = wordsOf(words);
      const { via, ip, sni, at, format } = options;
      const { model, documents } = loadPolicySet({ paths: [path] });
      const question = { from, to, via, sourceIp: ip, sni };
      const instant = instantOption("--at", at);
      const explanation = explain(model, documents, question, instant);
      const chains = explainChains(model, explanation.connection, instant);
      process.stdout.write(
        format === "json"
          ? explainJson(explanation, chains)
          : explainText(question, explanation, chains, useColor(process.stdout)),
      );
      exit(explanation.verdict.verdict === "allow" ? EXIT.ok : EXIT.found);
    });
};

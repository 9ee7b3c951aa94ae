import { type Command, Option } from "commander";
import type { Via } from "../../policy/decide/index.ts";
import { decideCases } from "../decide/cases.ts";
import { decideQuestion } from "../decide/person.ts";
import { CliError } from "../exit.ts";
import { instantOption } from "../instant.ts";
import { Output } from "../reach/output.ts";
import type { Register } from "../register.ts";

interface DecideOptions {
  readonly cases?: string;
  readonly from?: string;
  readonly to?: string;
  readonly via?: Via;
  readonly at?: string;
  readonly ip?: string;
  readonly sni?: string;
  readonly format: "text" | "json";
}

const QUESTION_OPTIONS = ["from", "to", "via", "at", "ip", "sni"] as const;

/** `portreeve decide`: is a connection allowed, and by which policy and rule? */
export const registerDecide: Register = (program, exit) => {
  program
    .command("decide")
    .description(
      "Say whether a connection is allowed, and by which rule: by portreeve policies, or with --cases by Istio objects.",
    )
    .argument("[paths...]", "policy files, or folders with them")
    .option(
      "--from <who>",
      "shop/api, okta:ann@example.com, agent:triage, a role's ARN, an address; a chain is joined by +",
    )
    .option("--to <service:port>", "orders-db:5432; the port may be left out when there is one")
    .addOption(
      new Option("--via <point>", "enforcement point (default: the service's)").choices(["mesh", "proxy"]),
    )
    .option("--at <instant>", "judge at this instant (default: now)")
    .option("--ip <address>", "address of the client")
    .option("--sni <name>", "server name in the client's TLS")
    .addOption(
      new Option("--format <format>", "how a verdict is written").choices(["text", "json"]).default("text"),
    )
    .option("--cases <file>", "JSON lines, each with policies, a workload and a connection (- for stdin)")
    .addHelpText(
      "after",
      `
Examples:
  portreeve decide policies/ --from shop/api --to orders-db:5432
  portreeve decide policies/ --from ops/bastion+okta:dba --to orders-db --at 2027-01-01
  portreeve decide --cases cases.jsonl

Exit code of a question: 0 allowed, 1 denied, 2 could not be answered.`,
    )
    .action(async (paths: readonly string[], options: DecideOptions, command: Command) => {
      if (options.cases !== undefined) {
        const given = QUESTION_OPTIONS.filter((name) => command.getOptionValueSource(name) === "cli");
        if (paths.length + given.length > 0) throw new CliError("decide: --cases stands alone");
        exit(await decideCases(options.cases, new Output(process.stdout), new Output(process.stderr)));
        return;
      }
      const { from, to, via, ip, sni } = options;
      if (paths.length === 0 || from === undefined || to === undefined) {
        throw new CliError("decide: give policies with --from WHO and --to SERVICE:PORT, or --cases FILE");
      }
      const question = { from, to, via, sourceIp: ip, sni };
      const answer = decideQuestion(
        paths,
        question,
        instantOption("--at", options.at),
        options.format === "json",
      );
      process.stdout.write(answer.text);
      exit(answer.exitCode);
    });
};

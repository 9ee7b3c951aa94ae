import { CliError } from "../exit.ts";
import { createDevFiles } from "../proxy/dev-files.ts";
import { findBun } from "../proxy/find-bun.ts";
import { runProxy } from "../proxy/run-proxy.ts";
import type { Register } from "../register.ts";

interface ProxyOptions {
  readonly config: string;
  readonly dev?: boolean;
  readonly check?: boolean;
}

/** `portreeve proxy`: runs the identity-aware L4 proxy in the foreground. */
export const registerProxy: Register = (program, exit) => {
  program
    .command("proxy")
    .description("Run the identity-aware L4 proxy.")
    .requiredOption("--config <file>", "the proxy's configuration, YAML or JSON")
    .option("--dev", "make throw-away certificates where the files that the configuration names are missing")
    .option("--check", "read the configuration and its files, say what is wrong, and stop")
    .addHelpText(
      "after",
      `
Examples:
  portreeve proxy --config proxy.yaml --check
  portreeve proxy --config proxy.yaml --dev
  portreeve proxy --config /etc/portreeve/proxy.yaml

Exit code: that of the proxy, 0 after an orderly end; 2 when it could not run.`,
    )
    .action(async (options: ProxyOptions) => {
      if (options.dev) process.stderr.write(createDevFiles(options.config));
      const bun = findBun();
      if (!bun) {
        throw new CliError(
          "proxy: the proxy runs on Bun, and there is none: neither on PATH nor as a package here.\n" +
            "Install it (`npm install --save-dev bun`) or set PORTREEVE_BUN to its path.",
        );
      }
      exit(await runProxy(bun, options.config, options.check ? ["--check"] : []));
    });
};

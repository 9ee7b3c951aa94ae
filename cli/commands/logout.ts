import type { Register } from "../register.ts";

interface Options {
  readonly context?: string;
  readonly forget?: true;
}

/** `portreeve logout`: ends a sign-in. */
export const registerLogout: Register = (program) => {
  program
    .command("logout")
    .description("End a sign-in: revoke its refresh token at the provider, and delete what is kept.")
    .option("--context <name>", "which sign-in to end (default: the current one)")
    .option("--forget", "remove the context too")
    .addHelpText(
      "after",
      `
Examples:
  portreeve logout
  portreeve logout --context staging --forget

Connections that are open end with the token that they were opened with.

Exit code: 0 nothing is kept any more, 2 there is no such context, or it could not be deleted.`,
    )
    .action(async (options: Options) => {
      const { logout } = await import("../logout/logout.ts");
      const lines = await logout(options.context, options.forget === true);
      process.stdout.write(`${lines.join("\n")}\n`);
    });
};

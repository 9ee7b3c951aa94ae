import { Option } from "commander";
import type { LoginOptions } from "../login/context.ts";
import type { Register } from "../register.ts";

/** `portreeve login`: signs a person, a script or an agent in. */
export const registerLogin: Register = (program) => {
  program
    .command("login")
    .description(
      "Sign in: by browser, device code, client credentials, a token file, token exchange or AWS IAM.",
    )
    .option("--context <name>", "name of this sign-in (default: the current one, or default)")
    .option("--proxy <host:port>", "the proxy's shared port; kept in the context, as all that follows")
    .option("--ca <file>", "authorities that the proxy's certificate must chain to (default: the system's)")
    .option("--server-name <name>", "DNS name that the certificate must have (default: the host of --proxy)")
    .option("--spiffe-id <id>", "SPIFFE ID that the certificate must have, instead of a DNS name")
    .option("--cert <file>", "certificate of this machine, where the proxy wants one")
    .option("--key <file>", "its key")
    .option("--issuer <url>", "the OpenID Connect provider")
    .option("--client-id <id>", "this command's client at the provider")
    .option(
      "--scope <scopes...>",
      "scopes to ask for (default: openid profile email groups offline_access, as there are)",
    )
    .option("--resource <uri>", "whom the token is for, by RFC 8707")
    .option(
      "--audience <name>",
      "whom the token is for, where the provider calls it so; with --aws the proxy's audience",
    )
    .addOption(
      new Option("--present <token>", "which token the proxy is shown (default: access-token)").choices([
        "access-token",
        "id-token",
      ]),
    )
    .option("--browser", "sign in with the browser of this machine, also where none is expected")
    .option("--no-browser", "the same, but only print the address")
    .option("--device", "sign in with a browser on another machine")
    .option("--client-credentials", "sign in as a client of the provider: CI, scripts, agents")
    .option("--client-secret-file <file>", "the client's secret")
    .option("--client-secret-env <name>", "environment variable with the client's secret")
    .option("--token-file <file>", "show the token in this file, read anew each time")
    .option("--agent <name>", "sign in as an agent for a person, by token exchange")
    .option("--subject-token-file <file>", "with --agent: the person's token")
    .option(
      "--actor-token-file <file>",
      "with --agent: the agent's own token (default: the client is the agent)",
    )
    .option("--aws", "show an AWS IAM role, by a request that is signed for each connection")
    .option("--region <region>", "with --aws: region of STS (default: AWS_REGION)")
    .option("--profile <name>", "with --aws: profile of the AWS configuration")
    .addHelpText(
      "after",
      `
Examples:
  portreeve login --proxy proxy.example.com:8443 --issuer https://login.example.com --client-id portreeve
  portreeve login                                                  again, with what the context has
  portreeve login --device
  portreeve login --context ci --proxy proxy.example.com:8443 --token-file /var/run/secrets/tokens/portreeve
  portreeve login --context job --proxy proxy.example.com:8443 --issuer https://login.example.com \\
    --client-id job-1 --client-secret-env JOB_SECRET --client-credentials
  portreeve login --agent triage --proxy proxy.example.com:8443 --issuer https://login.example.com \\
    --client-id triage --client-secret-file secret --subject-token-file person.jwt
  portreeve login --context aws --proxy proxy.example.com:8443 --aws --region eu-central-1

Without a display or a terminal, the device code is taken where the provider has one. Secrets never stand on the command
line: other users can see it. Tokens are kept in the keyring of the operating system, else in a file only you can read.

Exit code: 0 signed in, 2 not.`,
    )
    .action(async (options: LoginOptions) => {
      const { login } = await import("../login/login.ts");
      const lines = await login(options, (line) => void process.stderr.write(`${line}\n`));
      process.stdout.write(`${lines.join("\n")}\n`);
    });
};

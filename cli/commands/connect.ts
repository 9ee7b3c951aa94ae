import { InvalidArgumentError, Option } from "commander";
import { CliError } from "../exit.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly context?: string;
  readonly port?: number;
  readonly socket?: string | true;
  readonly format: "text" | "json";
}

/** `portreeve connect`: a local port or socket that leads to a service. */
export const registerConnect: Register = (program, exit) => {
  program
    .command("connect")
    .description("Reach a service as yourself: open a local port or socket to it, or run a client with one.")
    .argument("<service[:port]>", "the service; the port may be left out when there is one")
    .argument("[command...]", "after --: a client to run; the port is there as long as it is")
    .option("--context <name>", "which sign-in to use (default: the current one)")
    .option("--port <number>", "local port (default: one that is free, another each time)", portOf)
    .option("--socket [path]", "a Unix socket that only you can use, instead of a port")
    .addOption(
      new Option("--format <format>", "how the address is written").choices(["text", "json"]).default("text"),
    )
    .addHelpText(
      "after",
      `
Examples:
  portreeve connect orders-db -- psql -U orders -c 'select 1'
  portreeve connect orders-db --socket -- psql -U orders
  portreeve connect cache -- redis-cli -h {host} -p {port}
  portreeve connect cache --socket -- redis-cli -s {socket}
  portreeve connect legacy-db --socket -- mysql --socket={socket}
  portreeve connect orders-db --port 15432

A client is run with what its protocol knows: PGHOST and PGPORT, MYSQL_HOST and MYSQL_TCP_PORT (MYSQL_UNIX_PORT), NATS_URL,
REDIS_URL, AMQP_URL, and always PORTREEVE_HOST and PORTREEVE_PORT (PORTREEVE_SOCKET). In its arguments {host}, {port} and
{socket} are replaced. Other users of this machine can connect to a loopback port, and then are you; not so to --socket.

Exit code: that of the client; 0 after Ctrl-C, 1 refused by the policies, 2 could not run.`,
    )
    .action(async (service: string, command: readonly string[], options: Options) => {
      if (options.port !== undefined && options.socket !== undefined) {
        throw new CliError("connect: --port and --socket exclude each other");
      }
      const { connectTo } = await import("../connect/connect.ts");
      exit(await connectTo(service, command, options));
    });
};

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError("write a port, 1 to 65535");
}

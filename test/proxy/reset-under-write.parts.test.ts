/** An endpoint that resets the connection while bytes are on their way to it, on plain sockets of both kinds. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { startBackend, startProxy } from "./harness.ts";

describe.each(["native", "runtime"])("plain sockets, %s", (kind) => {
  let scope: Scope;

  beforeEach(async () => {
    scope = await openScope("proxy-reset");
  });

  afterEach(() => scope.stop());

  test("a reset that is first noticed by writing ends the connection at once, and not at a deadline", async () => {
    const endpoints: Socket[] = [];
    const backend = await startBackend(scope, (socket) => {
      endpoints.push(socket);
      socket.pipe(socket);
    });
    const [port = 0] = await freePorts(1);
    const { PATH = "", HOME = "" } = process.env;
    const proxy = await startProxy(
      scope,
      {
        listeners: [{ name: "plain", mode: "plaintext-loopback", port, service: "s" }],
        services: [
          { name: "s", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
        ],
        rules: [{ id: "loopback", action: "allow", service: "s", subjects: { cidrs: ["127.0.0.0/8"] } }],
      },
      "proxy",
      { PATH, HOME, PORTREEVE_SOCKETS: kind },
    );
    const client = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    client.on("error", () => {});
    client.write("there?");
    await once(client, "data");

    // The proxy sleeps while both happens, so that it comes to the client's bytes first and to the reset by writing them.
    process.kill(proxy.running.pid, "SIGSTOP");
    await new Promise<void>((sent) => client.end("more", () => sent()));
    endpoints[0]?.resetAndDestroy();
    process.kill(proxy.running.pid, "SIGCONT");

    const record = await proxy.record({ event: "close" });
    expect(record).toMatchObject({ bytes_sent: 6 });
    // The runtime does not always tell the two apart.
    expect(record["close"]).toMatch(kind === "native" ? /^upstream-reset$/ : /^upstream-|^client-closed$/);
    expect(await proxy.metrics()).toContain("portreeve_connections_live 0\n");
  });
});

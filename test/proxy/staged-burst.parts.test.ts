/** A burst of clients whose TLS begins inside PostgreSQL: all get their turn, also when others leave while they wait. */
import { once } from "node:events";
import { connect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { API, startBackend, startProxy } from "./harness.ts";

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

let scope: Scope;

afterEach(() => scope?.stop());

test("200 handshakes at once, a third of whose clients leave before their turn: the others all get through", async () => {
  scope = await openScope("proxy-staged-burst");
  const backend = await startBackend(scope);
  const [port = 0] = await freePorts(1);
  const proxy = await startProxy(scope, {
    listeners: [{ name: "l", mode: "mtls", bind: "127.0.0.1", port, service: "s" }],
    services: [
      {
        name: "s",
        ports: [{ port: 5432, protocol: "postgres" }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
        // What comes behind TLS is the backend's echo here, not a database.
        tls: { mode: "none" },
      },
    ],
    rules: [{ id: "r", action: "allow", service: "s", subjects: { workloads: [API] } }],
  });
  const { cert, key } = proxy.client(API);
  const visit = async (leaves: boolean): Promise<string> => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    socket.write(SSL_REQUEST);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toBe("S");
    const secure = tlsConnect({ socket, ca: proxy.ca.cert, cert, key, servername: "localhost" });
    secure.on("error", () => {});
    if (leaves) {
      // Its ClientHello is on the way.
      setImmediate(() => socket.destroy());
      return "left";
    }
    await once(secure, "secureConnect");
    secure.write("x");
    const [echoed] = (await once(secure, "data")) as [Buffer];
    secure.destroy();
    return echoed.toString();
  };
  const results = await Promise.all(Array.from({ length: 200 }, (_, index) => visit(index % 3 === 0)));
  expect(results.filter((result) => result === "x")).toHaveLength(133);
  await until("each has its record, and nobody is left", 15, async () => {
    const closed = proxy.records().filter(({ event }) => event === "close");
    return closed.length === 200 && ((await proxy.admin("GET", "/connections")) as unknown[]).length === 0;
  });
});

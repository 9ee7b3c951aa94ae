/**
 * The proxy's own sockets lend what they read to whoever can take it at once, in memory that the next read overwrites. Here
 * the taker is the runtime's TLS towards an endpoint that reads slowly, and many clients write at once, so that whatever it
 * kept of the lent memory would be another client's bytes by the time it is sent.
 */
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createServer, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { readToEnd, startProxy } from "./harness.ts";

const CLIENTS = 8;
const BYTES = 6 * 1024 * 1024;

let scope: Scope;

beforeEach(async () => {
  scope = await openScope("lent-bytes");
});

afterEach(() => scope.stop());

test("what is lent to TLS arrives as it was, however slowly the endpoint reads", async () => {
  const authority = createAuthority("endpoints");
  const ca = join(scope.dir, "endpoints.pem");
  writeFileSync(ca, authority.cert);
  const { cert, key } = createLeaf("endpoint", authority, { dnsNames: ["endpoint.example.com"] });
  const server = createServer({ cert, key, allowHalfOpen: true }, answerWithHash);
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", () => done());
  });
  scope.onStop(() => void server.close());
  const address = server.address();
  const [port = 0] = await freePorts(1);
  const proxy = await startProxy(scope, {
    listeners: [{ name: "plain", mode: "plaintext-loopback", port, service: "s" }],
    services: [
      {
        name: "s",
        ports: [{ port: 7 }],
        endpoints: [{ host: "127.0.0.1", port: typeof address === "object" && address ? address.port : 0 }],
        tls: { mode: "simple", ca, sni: "endpoint.example.com" },
      },
    ],
    rules: [{ id: "loopback", action: "allow", service: "s", subjects: { cidrs: ["127.0.0.0/8"] } }],
  });
  const own = Array.from({ length: CLIENTS }, () => randomBytes(BYTES));
  const answers = await Promise.all(
    own.map((bytes) => {
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      const reading = readToEnd(socket);
      socket.end(bytes);
      return reading;
    }),
  );
  expect(answers.map(String)).toEqual(own.map((bytes) => createHash("sha256").update(bytes).digest("hex")));
  await proxy.record({ event: "close", bytes_recv: BYTES });
});

function answerWithHash(socket: TLSSocket): void {
  const hash = createHash("sha256");
  let chunks = 0;
  socket.on("error", () => {});
  socket.on("data", (data) => {
    hash.update(data);
    chunks += 1;
    // Slower than the client sends, so that the proxy is left with what the endpoint does not take.
    if (chunks % 5 !== 0) return;
    socket.pause();
    setImmediate(() => socket.resume());
  });
  socket.on("end", () => socket.end(hash.digest("hex")));
}

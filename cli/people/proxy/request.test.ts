/** A proxy that misbehaves, or is none: over real TLS, in one process. What the real one says is in test/people. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAuthority, createLeaf } from "../../../proxy-image/dev/certificates.ts";
import { Authorizer } from "../authorization.ts";
import { listAccess } from "./access.ts";
import { ProxyRefusal } from "./refusal.ts";
import { openTunnel } from "./request.ts";
import { findTarget } from "./target.ts";

let dir: string;
let server: Server | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-request-"));
});
afterEach(() => {
  server?.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Answers every request's head with these bytes and what `then` does. */
async function proxyThat(
  bytes: string,
  then: (socket: TLSSocket) => void = (socket) => socket.end(),
): Promise<Authorizer> {
  const ca = createAuthority("CA");
  const { cert, key } = createLeaf("proxy", ca, { dnsNames: ["localhost"] });
  const listening = createServer({ cert, key }, (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(bytes, () => then(socket));
    });
  });
  server = listening;
  await new Promise<void>((done) => listening.listen(0, "127.0.0.1", done));
  const address = listening.address();
  const port = typeof address === "object" && address ? address.port : 0;
  writeFileSync(join(dir, "ca.pem"), ca.cert);
  writeFileSync(join(dir, "token"), "e30.e30.e30");
  return new Authorizer({
    name: "test",
    proxy: { address: `127.0.0.1:${port}`, ca: join(dir, "ca.pem"), serverName: "localhost" },
    identity: { type: "token-file", tokenFile: join(dir, "token") },
  });
}

const http = (status: string, body: string, headers = ""): string =>
  `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe("an answer to CONNECT", () => {
  it("is a tunnel with 200, and bytes of the service that came at once are not lost", async () => {
    const authorizer = await proxyThat("HTTP/1.1 200 OK\r\n\r\nfirst bytes");
    const { stream, head } = await openTunnel(authorizer, "db:1");
    let text = head.toString();
    for await (const chunk of stream) text += String(chunk);
    expect(text).toBe("first bytes");
  });

  it("is a refusal with anything else, in the proxy's words; cut off or of another form too", async () => {
    const body = JSON.stringify({ error: "limit", message: "2 connections are the most", connection: "c-1" });
    const cases: readonly (readonly [string, number, string])[] = [
      [http("429 Too Many", body), 429, "refused by the proxy: 2 connections are the most"],
      [http("403 Forbidden", "no\nsecond line"), 403, "refused by the proxy: no"],
      ["HTTP/1.1 403 Forbidden\r\nContent-Length: 900\r\n\r\ncut", 403, "refused by the proxy: cut"],
      ["HTTP/1.1 502 Bad Gateway\r\n\r\n", 502, "refused by the proxy: HTTP 502"],
      ["HTTP/1.1 204 No Content\r\n\r\n", 204, "refused by the proxy: HTTP 204"],
    ];
    for (const [bytes, status, message] of cases) {
      const authorizer = await proxyThat(bytes);
      const error = await openTunnel(authorizer, "db:1").catch((thrown: unknown) => thrown);
      expect(error, bytes).toBeInstanceOf(ProxyRefusal);
      expect(error).toMatchObject({ status, message, exitCode: status === 403 ? 1 : 2 });
      server?.close();
    }
  });

  it("with 407 says how to sign in again, from the challenge where there is no body", async () => {
    const challenge =
      'Proxy-Authenticate: Bearer realm="portreeve", error="invalid_token", error_description="it is too old"\r\n';
    const authorizer = await proxyThat(http("407 Proxy Authentication Required", "", challenge));
    await expect(openTunnel(authorizer, "db:1")).rejects.toThrow(
      "does not accept your credential: it is too old\nRun: portreeve login --context test",
    );
  });

  it("never writes to the terminal what the proxy's text would do there", async () => {
    const body = JSON.stringify({
      error: "x",
      message: "\u001b[2Jgone\u202e",
      owner: "a\nb",
      missing: { groups: ["g\u0007"] },
    });
    const authorizer = await proxyThat(http("403 Forbidden", body));
    const error = await openTunnel(authorizer, "db:1").catch((thrown: Error) => thrown);
    expect(String(error)).toContain("gone");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what may not be there
    expect(String(error).replaceAll("\n  ", "")).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
  });

  it("that is no HTTP, too long, or none at all is told as that", async () => {
    const long = `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}\r\n\r\n`;
    for (const bytes of ["SSH-2.0-OpenSSH_9.6\r\n", long, ""]) {
      const authorizer = await proxyThat(bytes);
      await expect(openTunnel(authorizer, "db:1"), bytes.slice(0, 10)).rejects.toThrow(
        /^the proxy at 127\.0\.0\.1:\d+: /,
      );
      server?.close();
    }
  });
});

describe("an answer to a question", () => {
  it("of another form is told as that, and does not pass for an empty list", async () => {
    for (const body of ["<html>", "[]", '{"services":[]}', '{"principal":{},"services":[{"service":1}]}']) {
      const authorizer = await proxyThat(http("200 OK", body));
      await expect(listAccess(authorizer), body).rejects.toThrow(
        /is no Portreeve proxy|in a form that this version does not know/,
      );
      server?.close();
    }
  });

  it("may have fields that a later proxy adds", async () => {
    const body = JSON.stringify({
      principal: { user: "u", shoe: 1 },
      new: true,
      services: [{ service: "db", ports: [{ port: 1 }] }],
    });
    const authorizer = await proxyThat(http("200 OK", body));
    expect(await findTarget(authorizer, { service: "db", port: undefined })).toMatchObject({
      service: "db",
      port: 1,
      protocol: "tcp",
    });
  });
});

import { lstatSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ProxyConfig } from "../../policy/compile/proxy/config.ts";
import { readRevocation } from "../credentials/revoke.ts";
import { formatSnapshot } from "../metrics/series.ts";
import type { Control } from "./control.ts";

type Handler = (request: IncomingMessage, url: URL, response: ServerResponse) => Promise<void>;

/** Opens `/metrics`, `/readyz` and `/livez`. */
export function openMetrics(control: Control, { bind, port }: ProxyConfig["metrics"]): Promise<Server> {
  return open({ host: bind, port }, async (_request, url, response) => {
    switch (url.pathname) {
      case "/metrics":
        return text(response, 200, formatSnapshot(await control.metrics()), "text/plain; version=0.0.4");
      case "/readyz": {
        const reasons = await control.notReady();
        return text(
          response,
          reasons.length === 0 ? 200 : 503,
          reasons.length === 0 ? "ready\n" : `${reasons.join("\n")}\n`,
        );
      }
      case "/livez":
        return text(response, 200, "live\n");
      default:
        return text(response, 404, "there are /metrics, /readyz and /livez\n");
    }
  });
}

const ADMIN_HELP = `GET  /connections            live connections
POST /connections/ID/close   end one
POST /revoke                 {"agent"|"user"|"role"|"connection": NAME, "until"?: INSTANT}: end theirs, and refuse them
GET  /policy                 digest in force, and why the last reload was refused
GET  /verdict?service=S&port=P&workload=spiffe://…&source=IP&sni=NAME
POST /reload                 read the configuration now
POST /log?level=debug|info|warn|error
`;

/**
 * Opens the admin interface on loopback or a Unix socket.
 *
 * @throws Error when it cannot be bound, or something else than a socket is where the socket is to be
 */
export async function openAdmin(control: Control, where: NonNullable<ProxyConfig["admin"]>): Promise<Server> {
  if ("socket" in where) {
    removeOldSocket(where.socket);
    // It is bound before `open` returns, and is the owner's alone from then on: with a `chmod` afterwards there would be a
    // moment in which others could connect.
    const before = process.umask(0o177);
    try {
      return open({ path: where.socket }, (request, url, response) => admin(control, request, url, response));
    } finally {
      process.umask(before);
    }
  }
  return open({ host: where.bind, port: where.port }, (request, url, response) =>
    admin(control, request, url, response),
  );
}

/** Of a process that was before: it could not be bound again. Whatever else has that name is not this program's to delete. */
function removeOldSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new Error(`admin.socket: ${path} is there, and is no socket`);
  rmSync(path);
}

async function admin(
  control: Control,
  request: IncomingMessage,
  url: URL,
  response: ServerResponse,
): Promise<void> {
  // A web page in an operator's browser can send requests to loopback, also under a name of its own that it has
  // resolved to loopback; but it cannot hide where it comes from and choose the host as well.
  if (fromBrowser(request)) {
    return text(response, 403, "not from a browser\n");
  }
  const route = `${request.method} ${url.pathname}`;
  const close = /^POST \/connections\/([0-9a-z-]+)\/close$/.exec(route);
  if (close?.[1]) {
    const found = await control.close(close[1]);
    return text(response, found ? 200 : 404, found ? "closed\n" : "no such connection\n");
  }
  switch (route) {
    case "GET /connections":
      return json(response, await control.connections());
    case "GET /policy":
      return json(response, await control.policy());
    case "GET /verdict": {
      const query = url.searchParams;
      const verdict = await control.verdict({
        service: query.get("service") ?? "",
        port: Number(query.get("port") ?? 0),
        workload: query.get("workload") ?? undefined,
        sourceIp: query.get("source") ?? "127.0.0.1",
        sni: query.get("sni") ?? undefined,
      });
      return json(response, verdict);
    }
    case "POST /revoke": {
      const revocation = readRevocation(await bodyOf(request));
      if (typeof revocation === "string") return text(response, 400, `${revocation}\n`);
      return json(response, { closed: await control.revoke(revocation) });
    }
    case "POST /reload":
      return json(response, await control.reload());
    case "POST /log": {
      const level = url.searchParams.get("level");
      if (level !== "debug" && level !== "info" && level !== "warn" && level !== "error") {
        return text(response, 400, "level is debug, info, warn or error\n");
      }
      await control.setLogLevel(level);
      return text(response, 200, "set\n");
    }
    default:
      return text(response, 404, ADMIN_HELP);
  }
}

/** Longest body of a request; the longest there is are a few names. */
const MAX_BODY = 16 * 1024;

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > MAX_BODY) throw new Error("the body is too long");
  }
  return body;
}

function fromBrowser({ headers }: IncomingMessage): boolean {
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) return true;
  return !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(headers.host ?? "localhost");
}

const BASE = "http://proxy";

function open(where: { host: string; port: number } | { path: string }, handler: Handler): Promise<Server> {
  const server = createServer((request, response) => {
    const target = request.url ?? "/";
    // Not every target is an address ("//" is none), and an error that is thrown here would end the process.
    if (!URL.canParse(target, BASE)) {
      text(response, 400, "not a path\n");
      return;
    }
    handler(request, new URL(target, BASE), response).catch((error: unknown) => {
      text(response, 500, `${error instanceof Error ? error.message : String(error)}\n`);
    });
  });
  // A scraper that never finishes its request must not hold a descriptor for ever.
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  return new Promise((done, failed) => {
    server.once("error", failed);
    server.listen(where, () => {
      server.off("error", failed);
      done(server);
    });
  });
}

function text(response: ServerResponse, status: number, body: string, type = "text/plain"): void {
  response.writeHead(status, { "content-type": type });
  response.end(body);
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body, undefined, 2)}\n`);
}

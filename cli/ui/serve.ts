import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CliError } from "../exit.ts";
import { messageOf } from "../people/private-file.ts";
import { liveAnswer, refusedAnswer } from "./answers.ts";
import { Guard } from "./guard.ts";
import { LiveCache } from "./live-cache.ts";
import { uiPage } from "./page.ts";
import { explainSeen, type Policies, readPolicies } from "./policies.ts";
import { Refusals } from "./refusals.ts";

export interface UiOptions {
  readonly policies: readonly string[];
  readonly cluster: string | undefined;
  readonly admins: readonly string[];
  readonly logs: readonly string[];
  /** 0: any that is free. */
  readonly port: number;
}

export interface Ui {
  /** The link that lets in, once. */
  readonly url: string;
  close(): Promise<void>;
}

/** Of all answers. Nothing is kept by the browser, shown in a frame, or told to another page. */
const HEADERS = {
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;
const NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** Serves the page on loopback until it is closed. @throws CliError when the port cannot be had */
export async function serveUi({ policies: paths, cluster, admins, logs, port }: UiOptions): Promise<Ui> {
  const server = createServer();
  const actual = await listen(server, port);
  const guard = new Guard(actual);
  const cache = new LiveCache(admins);
  const refusals = new Refusals(logs);
  let policies: Policies = readPolicies(paths, cluster);

  async function answer(url: URL, response: ServerResponse): Promise<void> {
    const filter = (url.searchParams.get("filter") ?? "").slice(0, 200);
    switch (url.pathname) {
      case "/": {
        policies = readPolicies(paths, cluster);
        const { html, contentPolicy } = await uiPage(policies, { paths, admins, logs });
        return send(response, 200, "text/html; charset=utf-8", html, contentPolicy);
      }
      case "/live.json":
        return json(response, await liveAnswer(cache, filter));
      case "/refused.json":
        return json(response, refusedAnswer(refusals, filter));
      case "/explain.json": {
        const seen = refusals.find(url.searchParams.get("id") ?? "");
        return json(response, {
          text: seen ? explainSeen(policies, seen) : "It is not among those that are remembered any more.",
        });
      }
      default:
        return text(response, 404, "there is nothing here");
    }
  }

  server.on("request", (request, response) => {
    const url = URL.parse(request.url ?? "/", "http://ui");
    if (!url) return text(response, 400, "no address");
    const admission = guard.admit(request, url.pathname === "/" ? url.searchParams.get("token") : null);
    if (admission.as === "refused") return text(response, admission.status, admission.why);
    if (admission.as === "new") response.setHeader("set-cookie", guard.cookie);
    answer(url, response).catch((error: unknown) => text(response, 500, messageOf(error)));
  });
  return {
    url: `http://127.0.0.1:${actual}/?token=${guard.link ?? ""}`,
    close: async () => {
      refusals.close();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once("error", (cause) =>
    reject(new CliError(`ui: cannot listen on 127.0.0.1:${port}: ${cause.message}`, undefined, { cause })),
  );
  server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  return promise;
}

function json(response: ServerResponse, body: unknown): void {
  send(response, 200, "application/json", JSON.stringify(body), NOTHING);
}

function text(response: ServerResponse, status: number, body: string): void {
  send(response, status, "text/plain; charset=utf-8", `${body}\n`, NOTHING);
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  contentPolicy: string,
): void {
  response.writeHead(status, { ...HEADERS, "content-type": type, "content-security-policy": contentPolicy });
  response.end(body);
}

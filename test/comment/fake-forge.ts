/**
 * Stands in for the parts of GitHub's REST and GraphQL APIs and of GitLab's that comments need, and refuses what they would
 * refuse: a wrong token, a wrong header, a path that is none. It says what it is: nothing here proves that the real ones agree.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface StoredComment {
  id: number;
  author: string;
  body: string;
}

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** An answer given instead of the usual one, once; `after` lets the call take effect first. */
export interface Trouble {
  readonly method: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly after?: true;
}

export interface FakeForge {
  readonly origin: string;
  readonly calls: Recorded[];
  readonly comments: StoredComment[];
  readonly troubles: Trouble[];
  readonly close: () => Promise<void>;
}

export const TOKEN = "s3cret-token";
/** A token of an app, which may not ask for /user. */
export const APP_TOKEN = "s3cret-app-token";
const AUTHORS: Readonly<Record<string, string>> = { [TOKEN]: "alice", [APP_TOKEN]: "github-actions[bot]" };
/** By GitLab, accounts are numbers. */
const ID_OF = (author: string): number => (author === "alice" ? 1 : 2);

export async function startFakeForge(): Promise<FakeForge> {
  const calls: Recorded[] = [];
  const comments: StoredComment[] = [];
  const troubles: Trouble[] = [];
  const server = createServer(async (request, response) => {
    const body = await read(request);
    const { method = "", url: path = "", headers } = request;
    calls.push({ method, path, headers, body });
    const index = troubles.findIndex((trouble) => trouble.method === method);
    const [trouble] = index < 0 ? [] : troubles.splice(index, 1);
    if (trouble && !trouble.after)
      return reply(response, trouble.status, { message: "trouble" }, trouble.headers);
    const url = new URL(path, "http://forge");
    const answer = url.pathname.startsWith("/api/v4")
      ? gitlab(method, url, headers, body, comments)
      : github(method, url, headers, body, comments);
    const { status, headers: more } = trouble ?? answer;
    reply(response, status, trouble ? { message: "trouble" } : answer.body, more);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    calls,
    comments,
    troubles,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

type Headers = IncomingMessage["headers"];

function github(
  method: string,
  url: URL,
  headers: Headers,
  body: unknown,
  comments: StoredComment[],
): Answer {
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  const self = AUTHORS[token];
  if (self === undefined) return { status: 401, body: { message: "Bad credentials" } };
  if (!headers["user-agent"])
    return { status: 403, body: { message: "Request forbidden by administrative rules" } };
  if (headers["x-github-api-version"] !== "2022-11-28") return { status: 400, body: {} };
  const shown = ({ id, author, body }: StoredComment) => ({
    id,
    body,
    html_url: `https://github.com/shop/infra/pull/7#issuecomment-${id}`,
    user: { login: author },
  });
  if (method === "GET" && url.pathname === "/user") {
    return token === APP_TOKEN
      ? { status: 403, body: { message: "Resource not accessible by integration" } }
      : { status: 200, body: { login: self } };
  }
  if (method === "POST" && url.pathname === "/graphql")
    return { status: 200, body: { data: { viewer: { login: self } } } };
  if (url.pathname === "/repos/shop/infra/issues/7/comments") {
    if (method === "GET") {
      const { items, next } = page(comments, url);
      return {
        status: 200,
        body: items.map(shown),
        ...(next && { headers: { link: `<http://forge/next>; rel="next"` } }),
      };
    }
    if (method === "POST") return { status: 201, body: shown(add(comments, self, body)) };
  }
  const one = /^\/repos\/shop\/infra\/issues\/comments\/(\d+)$/.exec(url.pathname);
  if (one && method === "PATCH") return change(comments, Number(one[1]), body, shown);
  return { status: 404, body: { message: "Not Found" } };
}

function gitlab(
  method: string,
  url: URL,
  headers: Headers,
  body: unknown,
  comments: StoredComment[],
): Answer {
  const self = AUTHORS[String(headers["private-token"] ?? "")];
  if (self === undefined) return { status: 401, body: { message: "401 Unauthorized" } };
  const shown = ({ id, author, body }: StoredComment) => ({
    id,
    body,
    system: false,
    author: { id: ID_OF(author) },
  });
  if (method === "GET" && url.pathname === "/api/v4/user") return { status: 200, body: { id: ID_OF(self) } };
  const notes = "/api/v4/projects/42/merge_requests/7/notes";
  if (url.pathname === notes && method === "GET") {
    const { items, next } = page(comments, url);
    return { status: 200, body: items.map(shown), headers: { "x-next-page": next ? String(next) : "" } };
  }
  if (url.pathname === notes && method === "POST")
    return { status: 201, body: shown(add(comments, self, body)) };
  const one = url.pathname.startsWith(`${notes}/`)
    ? Number(url.pathname.slice(notes.length + 1))
    : Number.NaN;
  if (method === "PUT") return change(comments, one, body, shown);
  return { status: 404, body: { message: "404 Not found" } };
}

function page(comments: readonly StoredComment[], url: URL): { items: StoredComment[]; next: number } {
  const size = Math.min(Number(url.searchParams.get("per_page") ?? 30), 100);
  const at = Number(url.searchParams.get("page") ?? 1);
  return {
    items: comments.slice((at - 1) * size, at * size),
    next: comments.length > at * size ? at + 1 : 0,
  };
}

function textOf(body: unknown): string {
  const text = typeof body === "object" && body !== null && "body" in body ? body.body : undefined;
  return typeof text === "string" ? text : "";
}

function add(comments: StoredComment[], author: string, body: unknown): StoredComment {
  const made = { id: 1000 + comments.length, author, body: textOf(body) };
  comments.push(made);
  return made;
}

function change(
  comments: readonly StoredComment[],
  id: number,
  body: unknown,
  shown: (comment: StoredComment) => unknown,
): Answer {
  const found = comments.find((comment) => comment.id === id);
  if (!found) return { status: 404, body: { message: "Not Found" } };
  found.body = textOf(body);
  return { status: 200, body: shown(found) };
}

async function read(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? undefined : JSON.parse(text);
}

function reply(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

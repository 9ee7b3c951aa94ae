import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { type Call, call } from "./http.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", () => done()));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
}

const request = (url: string): Call => ({
  method: "POST",
  url,
  headers: { "PRIVATE-TOKEN": "secret" },
  body: {},
});
const noWait = async (): Promise<void> => {};

test("a redirect to another origin is not followed: the token is not for it", async () => {
  const seen: IncomingMessage["headers"][] = [];
  const elsewhere = await serve((asked, response) => {
    seen.push(asked.headers);
    response.end("{}");
  });
  const api = await serve((_, response) => response.writeHead(307, { location: `${elsewhere}/api` }).end());
  await expect(call(request(`${api}/api`), noWait)).rejects.toThrow(/leads elsewhere/);
  expect(seen).toEqual([]);
});

test("a redirect within the API is followed with the same method, as for a repository that was renamed", async () => {
  const seen: string[] = [];
  const api = await serve((asked, response) => {
    seen.push(`${asked.method} ${asked.url} ${asked.headers["private-token"]}`);
    if (asked.url === "/old") response.writeHead(301, { location: "/new" }).end();
    else response.writeHead(201).end("{}");
  });
  expect((await call(request(`${api}/old`), noWait)).status).toBe(201);
  expect(seen).toEqual(["POST /old secret", "POST /new secret"]);
});

test("redirects in a circle end", async () => {
  const api = await serve((_, response) => response.writeHead(302, { location: "/again" }).end());
  expect((await call(request(`${api}/`), noWait)).status).toBe(302);
});

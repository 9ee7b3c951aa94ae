import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { refusedLines, serveAdmin, writePolicies } from "../../test/ui/world.ts";
import { serveUi, type Ui, type UiOptions } from "./serve.ts";

let dir: string;
let ui: Ui | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-ui-"));
});
afterEach(async () => {
  await ui?.close();
  ui = undefined;
  rmSync(dir, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

async function start(options: Partial<UiOptions>): Promise<URL> {
  ui = await serveUi({ policies: [], cluster: undefined, admins: [], logs: [], port: 0, ...options });
  return new URL(ui.url);
}

function ask(url: URL, path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = request({ host: "127.0.0.1", port: url.port, path, method, headers }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    response.once("end", () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
    );
  });
  sent.once("error", reject);
  sent.end();
  return promise;
}

/** The cookie of a browser that has followed the link. */
async function enter(url: URL): Promise<string> {
  const { headers } = await ask(url, `/${url.search}`);
  return headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
}

describe("who may see the page", () => {
  it("is one browser that has the link, once; others are told how to get one", async () => {
    const url = await start({});
    expect((await ask(url, "/")).status).toBe(403);
    expect((await ask(url, "/?token=wrong")).status).toBe(403);
    const first = await ask(url, `/${url.search}`);
    expect(first.status).toBe(200);
    const [cookie = ""] = first.headers["set-cookie"] ?? [];
    expect(cookie).toMatch(/^portreeve-ui-\d+=[\w-]{32}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(first.text).not.toContain(url.searchParams.get("token"));
    const again = await ask(url, `/${url.search}`);
    expect([again.status, again.text]).toEqual([
      403,
      "the link that portreeve ui printed works once, in one browser: start it again for another\n",
    ]);
    const known = { cookie: cookie.split(";")[0] ?? "" };
    expect((await ask(url, "/", known)).status).toBe(200);
    expect((await ask(url, "/live.json", known)).status).toBe(200);
    expect((await ask(url, "/live.json", { cookie: `${known.cookie}x` })).status).toBe(403);
  });

  it("is nobody who calls it by another name, as a page that rebinds DNS does; that does not use the link up", async () => {
    const url = await start({});
    for (const host of [
      "evil.example.com",
      `evil.example.com:${url.port}`,
      "127.0.0.1",
      "127.0.0.1:1",
      "[::1]",
    ]) {
      expect((await ask(url, `/${url.search}`, { host })).status).toBe(421);
    }
    expect((await ask(url, `/${url.search}`, { host: `localhost:${url.port}` })).status).toBe(200);
  });

  it("is no other page in the same browser, even if that has the cookie", async () => {
    const url = await start({});
    const cookie = await enter(url);
    for (const site of ["cross-site", "same-site"]) {
      expect((await ask(url, "/live.json", { cookie, "sec-fetch-site": site })).status).toBe(403);
    }
    expect((await ask(url, "/live.json", { cookie, "sec-fetch-site": "same-origin" })).status).toBe(200);
  });

  it("changes nothing: whatever is no GET is refused, with the cookie as well", async () => {
    const url = await start({});
    const cookie = await enter(url);
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      expect((await ask(url, "/live.json", { cookie }, method)).status).toBe(405);
    }
  });
});

it("has headers that keep it out of caches, frames and other pages, on every answer", async () => {
  const url = await start({});
  const cookie = await enter(url);
  for (const path of ["/", "/live.json", "/nowhere"]) {
    const { headers } = await ask(url, path, { cookie });
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
    });
    expect(headers["content-security-policy"]).toMatch(/^default-src 'none'.*frame-ancestors 'none'/);
    expect(headers["content-security-policy"]).not.toMatch(/unsafe|http|\*/);
    expect(headers["access-control-allow-origin"]).toBeUndefined();
  }
});

it("listens on loopback alone, and says when the port is taken", async () => {
  const url = await start({});
  expect(url.hostname).toBe("127.0.0.1");
  const taken = serveUi({ policies: [], cluster: undefined, admins: [], logs: [], port: Number(url.port) });
  await expect(taken).rejects.toThrow(`ui: cannot listen on 127.0.0.1:${url.port}: `);
});

it("tells what is live, the filter on all of it and not only on what fits", async () => {
  const socket = join(dir, "admin.sock");
  const admin = await serveAdmin(socket, 10_000);
  const url = await start({ admins: [socket, join(dir, "none.sock")] });
  const cookie = await enter(url);
  const all = JSON.parse((await ask(url, "/live.json", { cookie })).text);
  expect(all).toMatchObject({ total: 10_000, matching: 10_000 });
  expect(all.rows).toHaveLength(300);
  expect(all.problems[0]).toContain("none.sock: connect ENOENT");
  const one = JSON.parse((await ask(url, "/live.json?filter=APP-9999%20relay", { cookie })).text);
  expect(one.rows.map(({ id }: { id: string }) => id)).toEqual(["live-9999"]);
  admin.close();
});

it("counts refusals that are alike, explains the last of them, and shows nothing else of a record", async () => {
  const log = join(dir, "audit.jsonl");
  const lines = refusedLines(3);
  writeFileSync(log, lines + lines.replaceAll("refused-", "again-"));
  const url = await start({ policies: [writePolicies(dir, 10)], logs: [log] });
  const cookie = await enter(url);
  const { text } = await ask(url, "/refused.json", { cookie });
  const answer = JSON.parse(text);
  expect(answer.rows).toHaveLength(3);
  expect(answer.rows[0].cells.slice(0, 5)).toEqual([
    "team-2/app-2",
    "db-0:5432",
    "2026-11-21 12:00:02Z",
    "2",
    "no-grant-for-workload",
  ]);
  expect(text).not.toContain("must-not-be-shown");
  const why = JSON.parse((await ask(url, `/explain.json?id=${answer.rows[0].id}`, { cookie })).text).text;
  expect(why).toContain("denied: team-2/app-2 → db-0:5432, decided at the proxy (no-grant-for-workload)");
  expect(why).toContain("add a Grant that allows team-2/app-2 → db-0:5432");
});

it("shows policies that cannot be read as what is wrong with them, and the rest all the same", async () => {
  const file = join(dir, "wrong.yaml");
  writeFileSync(file, "kind: <script>alert(1)</script>\n");
  const url = await start({ policies: [file] });
  const { status, text } = await ask(url, `/${url.search}`);
  expect(status).toBe(200);
  expect(text).toContain("The policies cannot be read");
  expect(text).toContain(`${file}:1:`);
  expect(text).not.toContain("<script>alert");
});

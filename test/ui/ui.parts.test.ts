/**
 * `portreeve ui` as a process, in Chromium, beside a real proxy. Not proven here: other browsers, and how it looks; screenshots
 * of 10 and 300 names, light and dark, empty and with a proxy that is down, were looked at by people.
 */

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { type Browser, type Page, startBrowser } from "../graph/browser.ts";
import { connectTls, startBackend, startProxy, type TestProxy } from "../proxy/harness.ts";
import { run } from "../toolchain/run.ts";
import { serveAdmin, spiffe, writePolicies } from "./world.ts";

const CLI = join(import.meta.dirname, "../../cli/main.ts");
let scope: Scope;
let browser: Browser;
beforeEach(async () => {
  scope = await openScope("ui");
  browser = await startBrowser();
});
afterEach(async () => {
  await browser.close();
  await scope.stop();
});

/** Starts the command and opens what it prints. */
async function open(
  ...args: string[]
): Promise<{ page: Page; url: string; end: () => Promise<number | null> }> {
  const child = spawn(process.execPath, [CLI, "ui", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const end = (): Promise<number | null> => {
    child.kill("SIGTERM");
    return ended;
  };
  scope.onStop(async () => void (await end()));
  const url = await new Promise<string>((resolve) =>
    createInterface({ input: child.stdout }).once("line", resolve),
  );
  return { page: await browser.open(url), url, end };
}

const text = (page: Page, selector: string): Promise<unknown> =>
  page.value(`document.querySelector(${JSON.stringify(selector)})?.textContent`);

async function proxyWith(service: string): Promise<{ proxy: TestProxy; port: number }> {
  const backend = await startBackend(scope);
  const [port = 0] = await freePorts(1);
  const proxy = await startProxy(scope, {
    listeners: [{ name: "db", mode: "mtls", bind: "127.0.0.1", port, service }],
    services: [
      { name: service, ports: [{ port: 5432 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [
      { id: "grant-0", action: "allow", service, subjects: { workloads: [spiffe("team-0", "app-0")] } },
    ],
  });
  return { proxy, port };
}

describe("the page beside a real proxy", () => {
  it("shows who is connected, who was refused and why, and leads from a name to its place in the graph", async () => {
    const { proxy, port } = await proxyWith("db-0");
    const live = await connectTls(proxy, port, proxy.client(spiffe("team-0", "app-0")));
    live.write("x");
    const refused = await connectTls(proxy, port, proxy.client(spiffe("team-1", "app-1")));
    refused.on("error", () => {});
    await proxy.record({ verdict: "deny" });
    const admin = `http://127.0.0.1:${proxy.adminPort}`;
    const log = join(proxy.dir, "proxy.audit.jsonl");
    const { page, end } = await open(
      "--policies",
      writePolicies(scope.dir, 10),
      "--admin",
      admin,
      "--log",
      log,
    );

    await until("the live connection", 20, async () => (await text(page, "#live-count")) === "1");
    expect(await text(page, "#live-table tbody tr td")).toBe("team-0/app-0");
    expect(await text(page, "#live-table tbody tr td:nth-child(5)")).toBe("grant-0");
    await until("the refusal", 20, async () => (await text(page, "#refused-count")) === "1");
    await page.value('document.getElementById("tab-refused").click()');
    await page.value('document.querySelector("#refused-table button").click()');
    const why = await until("the explanation", 20, async () => {
      const said = String(await text(page, "#refused-table pre"));
      return said.length > 5 && said;
    });
    expect(why).toContain("denied: team-1/app-1 → db-0:5432, decided at the proxy (no-grant-for-workload)");
    expect(why).toContain("The proxy judged it by another state of the policies (test-1)");
    expect(await text(page, "#proxies")).toContain("(not what these policies say)");

    await page.value('document.querySelector("#refused-table td a").click()');
    expect(await page.value('document.getElementById("access").hidden')).toBe(false);
    expect(await text(page, "#status")).toMatch(/around team-1\/app-1/);

    live.destroy();
    await until("it to be gone", 20, async () => (await text(page, "#live-count")) === "0");
    expect(await text(page, "#live-empty")).toBe("No connection is live.");
    expect(await page.value("location.href")).not.toContain("token");
    expect(page.complaints).toEqual([]);
    expect(await end()).toBe(0);
    await until("the page to say so", 20, async () =>
      String(await text(page, "#problems")).startsWith("portreeve ui does not answer"),
    );
  });

  it("says that a proxy cannot be reached, and shows its connections when it can", async () => {
    const socket = join(scope.dir, "none.sock");
    const { page } = await open("--admin", socket);
    await until("the problem", 20, async () =>
      String(await text(page, "#problems")).includes("none.sock: connect ENOENT"),
    );
    expect(await text(page, "#live-count")).toBe("?");
    expect(await text(page, "#live-empty")).toBe("Nothing is known now.");
    expect(await page.value('document.getElementById("live").hidden')).toBe(false);
    const admin = await serveAdmin(socket, 3);
    scope.onStop(() => void admin.close());
    await until("the connections", 20, async () => (await text(page, "#live-count")) === "3");
    expect(await text(page, "#problems")).toBe("");
    expect(page.complaints).toEqual([]);
  });
});

it("keys at the tabs and in the filters are not taken for the graph's", async () => {
  const { page } = await open(
    "--policies",
    writePolicies(scope.dir, 300),
    "--admin",
    join(scope.dir, "none.sock"),
  );
  await until("the graph", 20, async () => /300 and 200 in all/.test(String(await text(page, "#status"))));
  const box = () => page.value('document.getElementById("stage").getAttribute("viewBox")');
  const before = await box();
  await page.value('document.getElementById("tab-access").focus()');
  await page.press("ArrowRight");
  expect(await page.value('document.getElementById("live").hidden')).toBe(false);
  expect(await page.value("document.activeElement.id")).toBe("tab-live");
  await page.value('document.getElementById("live-filter").focus()');
  for (const key of ["/", "+", "a"]) await page.press(key);
  expect(await page.value('document.getElementById("live-filter").value')).toBe("/+a");
  expect(await box()).toBe(before);
  expect(page.complaints).toEqual([]);
});

it("a page of somebody else in the same browser gets no answer, though the browser has the cookie", async () => {
  const { url, page } = await open("--policies", writePolicies(scope.dir, 10));
  const { origin } = new URL(url);
  // On the same host, as far as cookies go the same site.
  const server = createServer((_, response) =>
    response.setHeader("content-type", "text/html").end("<title>other</title>"),
  );
  const [port = 0] = await freePorts(1);
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  scope.onStop(() => void server.close());
  const other = await browser.open(`http://127.0.0.1:${port}/`);
  const ask = async (from: Page, mode: string): Promise<unknown> => {
    // While a page loads, its own title still comes over ours.
    await until("a loaded page", 20, async () => {
      const state = await from.value("`${document.readyState} ${location.protocol}`");
      return state === "complete http:";
    });
    await from.value(
      `document.title = "asking"; fetch("${origin}/live.json", { credentials: "include", mode: "${mode}" }).then((r) => \`\${r.type} \${r.status}\`, (e) => e.name).then((t) => { document.title = t; })`,
    );
    return until("an answer", 20, async () => {
      const title = await from.value("document.title");
      return title !== "asking" && title;
    });
  };
  expect(await ask(page, "cors")).toBe("basic 200");
  expect(await ask(other, "cors")).toBe("TypeError");
  // It may be sent without being read; then it is refused, and nothing in it could have changed anything.
  expect(await ask(other, "no-cors")).toMatch(/^(TypeError|opaque 0)$/);
});

it("watch tells the same of the proxy as lines", async () => {
  const { proxy, port } = await proxyWith("db-0");
  const live = await connectTls(proxy, port, proxy.client(spiffe("team-0", "app-0")));
  live.write("x");
  const refused = await connectTls(proxy, port, proxy.client(spiffe("team-1", "app-1")));
  refused.on("error", () => {});
  await proxy.record({ verdict: "deny" });
  const args = [
    "watch",
    "--once",
    "--admin",
    `http://127.0.0.1:${proxy.adminPort}`,
    "--log",
    join(proxy.dir, "proxy.audit.jsonl"),
  ];
  const lines = (await run(process.execPath, [CLI, ...args])).trimEnd().split("\n");
  expect(lines.map((line) => line.replace(/^\S+ /, "").replace(/127\.0\.0\.1:\d+/g, "ADDR"))).toEqual([
    expect.stringMatching(/^proxy {2}http:\/\/ADDR answers, 1 live connections$/),
    expect.stringMatching(/^open {3}team-0\/app-0 -> db-0:5432 relay grant-0 ADDR \S+$/),
    expect.stringMatching(/^deny {3}team-1\/app-1 -> db-0:5432 no-grant-for-workload denied ADDR \S+$/),
  ]);
  const json = await run(process.execPath, [CLI, ...args, "--json"]);
  const events = json
    .trimEnd()
    .split("\n")
    .map((line): { event: string } => JSON.parse(line));
  expect(events.map(({ event }) => event)).toEqual(["answers", "opened", "record"]);
  live.destroy();
});

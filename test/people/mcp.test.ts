/**
 * `portreeve mcp` as an MCP client runs it: the official SDK's client over a spawned process. The proxy is the stand-in of
 * wire.ts; with the real one it is in people.parts.test.ts.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect as dial } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../cluster/until.ts";
import { MAIN, type Person, personIn } from "./cli.ts";
import { JOB, startProvider, type TestProvider } from "./provider.ts";
import { startWire, type Wire } from "./wire.ts";

let dir: string;
let provider: TestProvider;
let wire: Wire;
let job: Person;
let client: Client;
const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-mcp-"));
  provider = await startProvider({ users: {} });
  await new Promise<void>((done) => echo.listen(0, "127.0.0.1", done));
  const address = echo.address();
  const backend = typeof address === "object" && address ? address.port : 0;
  wire = await startWire(provider.issuer, [
    { name: "orders-db", port: 5432, protocol: "postgres", group: "jobs", owner: "team-orders", backend },
    { name: "cache", port: 6379, protocol: "redis", group: "cache-admins", owner: "team-platform", backend },
  ]);
  writeFileSync(join(dir, "ca.pem"), wire.ca.cert);
  job = personIn(dir, "job");
  const signedIn = await job.start(
    [
      ...["login", "--client-credentials", "--client-secret-env", "JOB_SECRET"],
      ...["--issuer", provider.issuer, "--client-id", JOB.id],
      ...["--proxy", `127.0.0.1:${wire.port}`, "--ca", "ca.pem", "--server-name", "localhost"],
    ],
    { JOB_SECRET: JOB.secret },
  ).ended;
  if (signedIn.code !== 0) throw new Error(signedIn.stderr);
  client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [MAIN, "mcp", "--max-open", "2", "--max-minutes", "5"],
      env: {
        PATH: process.env["PATH"] ?? "",
        PORTREEVE_HOME: job.home,
        PORTREEVE_CREDENTIAL_STORE: "file",
        JOB_SECRET: JOB.secret,
      },
      cwd: dir,
    }),
  );
});

afterAll(async () => {
  await client?.close();
  await Promise.all([wire?.stop(), provider?.stop()]);
  echo.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Called {
  readonly isError: boolean;
  readonly text: string;
  readonly data: Record<string, unknown>;
}

async function call(name: string, args: Record<string, unknown> = {}): Promise<Called> {
  const result = await client.callTool({ name, arguments: args });
  const [first] = result.content as { text: string }[];
  return {
    isError: result.isError === true,
    text: first?.text ?? "",
    data: (result.structuredContent ?? {}) as Record<string, unknown>,
  };
}

function roundTrip(port: number, text: string): Promise<string> {
  return new Promise((done, failed) => {
    const socket = dial({ port, host: "127.0.0.1", allowHalfOpen: true });
    let back = "";
    socket.on("data", (data: Buffer) => {
      back += data.toString();
    });
    socket.once("error", failed);
    socket.once("close", () => done(back));
    socket.end(text);
  });
}

describe("portreeve mcp", () => {
  it("does not take a person's own sign-in for an agent's unless it is told to", async () => {
    const person = personIn(dir, "person");
    const proxy = `proxy: { address: "127.0.0.1:${wire.port}" }`;
    const identity = `identity: { type: oidc, issuer: "${provider.issuer}", clientId: cli }`;
    writeFileSync(
      join(person.home, "config.yaml"),
      `current: mine\ncontexts: [{ name: mine, ${proxy}, ${identity} }]\n`,
      { mode: 0o600 },
    );
    const { code, stderr } = await person.start(["mcp"]).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('the current context "mine" is a person\'s own');
    const chosen = person.start(["mcp", "--context", "mine"]);
    chosen.child.stdin?.end();
    expect((await chosen.ended).code).toBe(0);
  });

  it("offers four tools and instructions, and none that widens access", async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual([
      "close_connection",
      "list_services",
      "open_connection",
      "why_refused",
    ]);
    expect(client.getInstructions()).toContain("You cannot grant it to yourself");
  });

  it("lists what may be reached", async () => {
    const { data } = await call("list_services");
    expect(data).toMatchObject({ services: [{ service: "orders-db", owner: "team-orders" }], open: [] });
  });

  it("opens a port to a service for a while, and closes it", async () => {
    const { data } = await call("open_connection", { service: "orders-db", minutes: 1 });
    expect(data).toMatchObject({ service: "orders-db", protocol: "postgres", host: "127.0.0.1" });
    const end = Date.parse(String(data["until"])) - Date.now();
    expect(end).toBeGreaterThan(30_000);
    expect(end).toBeLessThanOrEqual(60_000);
    const port = Number(data["port"]);
    expect(await roundTrip(port, "hello")).toBe("hello");
    expect((await call("close_connection", { id: data["id"] })).data).toEqual({ closed: true });
    await expect(roundTrip(port, "hello")).rejects.toThrow("ECONNREFUSED");
    expect((await call("close_connection", { id: data["id"] })).data).toEqual({ closed: false });
  });

  it("opens no more, and for no longer, than it was started for", async () => {
    const first = await call("open_connection", { service: "orders-db" });
    const second = await call("open_connection", { service: "orders-db", port: 5432 });
    const third = await call("open_connection", { service: "orders-db" });
    expect(third).toMatchObject({ isError: true, text: expect.stringContaining("2 connections are open") });
    for (const { data } of [first, second]) await call("close_connection", { id: data["id"] });
    const long = await call("open_connection", { service: "orders-db", minutes: 600 });
    expect(long.isError).toBe(true);
    expect((await call("list_services")).data["open"]).toEqual([]);
  });

  it("says as an error of the tool, not of the session, what is refused and why", async () => {
    const refused = await call("open_connection", { service: "cache", port: 6379 });
    expect(refused.isError).toBe(true);
    expect(refused.text).toContain("you may not reach cache:6379 now");
    const { data } = await call("why_refused", { service: "cache", port: 6379 });
    expect(data).toEqual({
      service: "cache:6379",
      verdict: "deny",
      reason: "no-grant-for-person",
      advice: [
        "missing: group idp:cache-admins",
        "owner: team-platform",
        'how to ask: portreeve request cache:6379 --for 1h --reason "…"',
      ],
    });
    expect((await call("why_refused", { service: "../admin", port: 1 })).isError).toBe(true);
  });

  it("ends with its client, and closes what it had open", async () => {
    const { data } = await call("open_connection", { service: "orders-db" });
    await client.close();
    await until("the port is gone", 10, async () => {
      await expect(roundTrip(Number(data["port"]), "x")).rejects.toThrow("ECONNREFUSED");
      return true;
    });
  });
});

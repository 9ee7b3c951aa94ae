/**
 * Agents: tokens of a token exchange, whom they may act for, and the kill switch under load. The tokens are made here by
 * node:crypto in the shape of RFC 8693; that a certain provider's exchange makes them so is not proven.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimsOf, createKey, token } from "../../../proxy-image/credentials/test-issuer.ts";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { until } from "../../cluster/until.ts";
import { type Backend, startBackend, startProxy } from "../harness.ts";
import { ask, openTunnel, tryConnect, type Wire } from "./http.ts";
import { WildIssuer } from "./issuer.ts";

const LIVE = 200;

let scope: Scope;
let backend: Backend;
const issuer = new WildIssuer();
const key = createKey("one");

const agents = ["triage", "helper"].map((name) => ({
  name,
  owner: "okta:owner@example.com",
  tokens: [`okta:bot-${name}`],
  onBehalfOf: { idpGroups: ["okta:dba"] },
  maxConnections: name === "triage" ? 1_000 : 30,
}));

beforeAll(async () => {
  scope = await openScope("proxy-agents");
  backend = await startBackend(scope);
  const [issuerPort = 0] = await freePorts(1);
  issuer.keys = [key];
  await issuer.start(scope, issuerPort);
  writeFileSync(join(scope.dir, "issuer.pem"), issuer.ca.cert);
});

afterAll(() => scope?.stop());

async function start(name: string, workers: number): Promise<Wire> {
  const [port = 0] = await freePorts(1);
  const proxy = await startProxy(
    scope,
    {
      listeners: [{ name: "shared", mode: "connect", bind: "127.0.0.1", port }],
      services: [
        {
          name: "orders-db",
          owner: "okta:data",
          ports: [{ port: 5432 }],
          endpoints: [{ host: "127.0.0.1", port: backend.port }],
        },
      ],
      rules: [
        { id: "dba", action: "allow", service: "orders-db", subjects: { idpGroups: ["okta:dba"] } },
        {
          id: "agents",
          action: "allow",
          service: "orders-db",
          subjects: { agents: agents.map(({ name }) => name) },
        },
      ],
      agents,
      workers,
      identityProviders: {
        oidc: [
          {
            name: "okta",
            issuer: issuer.issuer,
            audiences: ["portreeve"],
            ca: join(scope.dir, "issuer.pem"),
          },
        ],
      },
    },
    name,
  );
  return { proxy, port };
}

/** A token of the exchange: the person is the subject, the agent the actor. */
function exchanged(agent: string | undefined, change: Readonly<Record<string, unknown>> = {}): string {
  const now = Math.floor(Date.now() / 1_000);
  const act = agent === undefined ? {} : { act: { sub: `bot-${agent}` } };
  return `Bearer ${token(key, claimsOf({ iss: issuer.issuer, iat: now, exp: now + 600, ...act, ...change }))}`;
}

/** A tunnel with traffic on it, both ways, as long as it lives. */
async function busyTunnel(wire: Wire, agent: string): Promise<TLSSocket> {
  const socket = await openTunnel(wire, "orders-db:5432", exchanged(agent));
  socket.on("data", () => {
    setTimeout(() => {
      if (socket.writable) socket.write("x".repeat(512));
    }, 20);
  });
  socket.on("end", () => socket.destroy());
  socket.write("x".repeat(512));
  return socket;
}

async function busyTunnels(wire: Wire, agent: string, count: number): Promise<TLSSocket[]> {
  const tunnels: TLSSocket[] = [];
  while (tunnels.length < count) {
    tunnels.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(20, count - tunnels.length) }, () => busyTunnel(wire, agent)),
      )),
    );
  }
  return tunnels;
}

/** How long until all of them are gone, in milliseconds. */
async function untilGone(tunnels: readonly TLSSocket[], began: number): Promise<number> {
  await Promise.all(
    tunnels.map((tunnel) =>
      tunnel.destroyed ? undefined : new Promise((done) => tunnel.once("close", done)),
    ),
  );
  return performance.now() - began;
}

describe("a token of an exchange", () => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await start("exchange", 1);
  });

  test("is judged as the chain of person and agent, and both are recorded", async () => {
    expect(await tryConnect(wire, "orders-db:5432", exchanged("triage"))).toMatchObject({
      status: 200,
      body: "hello",
    });
    expect(await wire.proxy.record({ "src.agent": "triage" })).toMatchObject({
      "src.user": "okta:alice@example.com",
      rules: ["dba", "agents"],
    });
  });

  test("does not let an agent act for somebody whom it may not act for, nor reach what the person may not", async () => {
    const answer = await tryConnect(
      wire,
      "orders-db:5432",
      exchanged("triage", { groups: ["staff"], email: "bob@example.com" }),
    );
    expect(answer.status).toBe(403);
    expect(await wire.proxy.record({ "src.user": "okta:bob@example.com" })).toMatchObject({
      reason: "agent-not-valid",
    });
  });

  test("of an actor that is no agent here is refused, though its subject alone would be let in", async () => {
    expect((await tryConnect(wire, "orders-db:5432", exchanged(undefined))).status).toBe(200);
    expect((await tryConnect(wire, "orders-db:5432", exchanged("unknown"))).status).toBe(403);
    expect(await wire.proxy.record({ "src.agent": "okta:bot-unknown" })).toMatchObject({
      reason: "agent-not-valid",
    });
  });

  test("of an actor that is no agent here learns of no service whether there is one, nor whose it is", async () => {
    const told = async (service: string) => {
      const { status, body } = await ask(wire, `/v1/access/${service}:5432`, exchanged("unknown"));
      const refused = await tryConnect(wire, `${service}:5432`, exchanged("unknown"));
      const neutral = (text: string) =>
        text.replaceAll(service, "SERVICE").replace(/"connection": ?"[^"]*"/, "");
      return { status, body: neutral(body), refused: neutral(refused.body) };
    };
    const known = await told("orders-db");
    expect(known.body).toContain("agent-not-valid");
    expect(known.body).not.toContain("okta:data");
    expect(await told("no-such-db")).toEqual(known);
  });

  test("that names the agent alone is refused when the agent acts for a group: it must say for whom", async () => {
    expect(
      (await tryConnect(wire, "orders-db:5432", exchanged(undefined, { sub: "bot-triage" }))).status,
    ).toBe(403);
  });

  test("is held to the agent's limits, whoever it acts for", async () => {
    const tunnels = await busyTunnels(wire, "helper", 30);
    expect(
      (await tryConnect(wire, "orders-db:5432", exchanged("helper", { email: "carol@example.com" }))).status,
    ).toBe(429);
    for (const tunnel of tunnels) tunnel.destroy();
  });
});

describe(`the kill switch, with ${LIVE} connections under traffic`, () => {
  async function load(wire: Wire): Promise<{ doomed: TLSSocket[]; spared: TLSSocket[] }> {
    const doomed = await busyTunnels(wire, "triage", LIVE);
    const spared = await busyTunnels(wire, "helper", 10);
    return { doomed, spared };
  }

  /** Traffic still flows on what was not meant. */
  async function stillAlive(tunnels: readonly TLSSocket[]): Promise<void> {
    for (const tunnel of tunnels) {
      const before = tunnel.bytesRead;
      await until("bytes on a tunnel of another agent", 5, () => tunnel.bytesRead > before);
    }
  }

  function report(how: string, milliseconds: number): void {
    console.info(`kill switch, ${how}: ${LIVE} connections gone after ${Math.round(milliseconds)} ms`);
  }

  test.each([1, 2])(
    "ends them within a second of one command, with %i worker(s), and lets nobody back in",
    async (workers) => {
      const wire = await start(`revoke-${workers}`, workers);
      const { doomed, spared } = await load(wire);
      const began = performance.now();
      const gone = untilGone(doomed, began);
      const response = await fetch(`http://127.0.0.1:${wire.proxy.adminPort}/revoke`, {
        method: "POST",
        body: '{"agent":"triage"}',
      });
      expect(await response.json()).toEqual({ closed: LIVE });
      const took = await gone;
      report(`admin, ${workers} worker(s)`, took);
      expect(took).toBeLessThan(1_000);
      for (let attempt = 0; attempt < 8; attempt++) {
        expect((await tryConnect(wire, "orders-db:5432", exchanged("triage"))).status).toBe(403);
      }
      await stillAlive(spared);
      for (const tunnel of spared) tunnel.destroy();
      await wire.proxy.running.stop();
    },
  );

  test("ends them within a second of the reload of a policy in which the agent is suspended", async () => {
    const wire = await start("suspend", 1);
    const { doomed, spared } = await load(wire);
    const began = performance.now();
    const gone = untilGone(doomed, began);
    const result = await wire.proxy.reconfigure((config) => ({
      ...config,
      agents: config.agents?.map((agent) => (agent.name === "triage" ? { ...agent, disabled: true } : agent)),
    }));
    expect(result).toMatchObject({ result: "applied" });
    const took = await gone;
    report("policy", took);
    expect(took).toBeLessThan(1_000);
    expect((await tryConnect(wire, "orders-db:5432", exchanged("triage"))).status).toBe(403);
    expect(await wire.proxy.record({ close: "access-lost" })).toMatchObject({
      "src.agent": "triage",
      error: "agent-not-valid",
    });
    await until(
      "a record of each",
      5,
      () => wire.proxy.records().filter((record) => record["close"] === "access-lost").length === LIVE,
    );
    await stillAlive(spared);
    for (const tunnel of spared) tunnel.destroy();
  });

  test("holds for a worker that is started after the command", async () => {
    const wire = await start("later", 2);
    await fetch(`http://127.0.0.1:${wire.proxy.adminPort}/revoke`, {
      method: "POST",
      body: '{"agent":"triage"}',
    });
    const workers = childrenOf(wire.proxy.running.pid);
    expect(workers).toHaveLength(2);
    for (const pid of workers) process.kill(pid, "SIGKILL");
    await until("both workers anew", 15, async () => {
      const ready = await fetch(`http://127.0.0.1:${wire.proxy.metricsPort}/readyz`);
      return ready.ok && childrenOf(wire.proxy.running.pid).every((pid) => !workers.includes(pid));
    });
    await until("a refusal by revocation", 5, async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => tryConnect(wire, "orders-db:5432", exchanged("triage"))),
      );
      return answers.every(({ status }) => status === 403);
    });
  });
});

/** Process ids of the workers. */
function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

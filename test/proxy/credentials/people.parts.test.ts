/**
 * People and scripts on the shared port, with tokens of a real OpenID Provider. What a provider of another make puts into
 * its tokens is not proven here.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { API, type Backend, OTHER, readToEnd, startBackend, startProxy, type TestProxy } from "../harness.ts";
import { ask, openTunnel, tryConnect, type Wire } from "./http.ts";
import { AUDIENCE, type RealProvider, startProvider } from "./provider.ts";

let scope: Scope;
let proxy: TestProxy;
let backend: Backend;
let provider: RealProvider;
let wire: Wire;
const bearer: Record<string, string> = {};

beforeAll(async () => {
  scope = await openScope("proxy-people");
  backend = await startBackend(scope);
  const [port = 0, providerPort = 0] = await freePorts(2);
  provider = await startProvider(scope, providerPort, { alice: ["dba", "staff"], bob: ["staff"] });
  const endpoints = [{ host: "127.0.0.1", port: backend.port }];
  proxy = await startProxy(scope, {
    listeners: [{ name: "shared", mode: "connect", bind: "127.0.0.1", port }],
    services: [
      { name: "orders-db", owner: "okta:owner", ports: [{ port: 5432 }], endpoints },
      { name: "cache", ports: [{ port: 6379 }], endpoints },
      { name: "batch-only", owner: "okta:batch", ports: [{ port: 1 }], endpoints },
    ],
    rules: [
      {
        id: "dba-orders",
        action: "allow",
        service: "orders-db",
        subjects: { idpGroups: ["okta:dba"] },
        origin: { file: "grants.yaml", line: 7, col: 3 },
      },
      { id: "bastion", action: "allow", service: "orders-db", subjects: { workloads: [API] } },
      { id: "bob-cache", action: "allow", service: "cache", subjects: { users: ["okta:bob@example.com"] } },
      { id: "batch", action: "allow", service: "batch-only", subjects: { workloads: [OTHER] } },
      { id: "bot", action: "allow", service: "cache", subjects: { agents: ["reporter"] } },
    ],
    agents: [
      {
        name: "reporter",
        owner: "okta:owner",
        tokens: ["okta:bot-1"],
        onBehalfOfUser: "okta:bob@example.com",
        onBehalfOf: { users: ["okta:bob@example.com"] },
      },
    ],
    identityProviders: { oidc: [{ name: "okta", issuer: provider.issuer, audiences: [AUDIENCE] }] },
  });
  wire = { proxy, port };
  for (const person of ["alice", "bob", "eve"]) {
    bearer[person] = `Bearer ${await provider.personToken(person)}`;
  }
  bearer["bot"] = `Bearer ${await provider.clientToken("bot-1")}`;
});

afterAll(() => scope?.stop());

describe("a person with a token", () => {
  test("reaches what a group of hers is granted, and the record says who, by which rule, and until when", async () => {
    const answer = await tryConnect(wire, "orders-db:5432", bearer["alice"]);
    expect(answer).toMatchObject({ status: 200, body: "hello" });
    const record = await proxy.record({ "src.user": "okta:alice@example.com", "dst.service": "orders-db" });
    expect(record).toMatchObject({
      verdict: "allow",
      rule: "dba-orders",
      position: "grants.yaml:7:3",
      "src.groups": ["okta:dba", "okta:staff"],
      "credential.issuer": provider.issuer,
      close: "client-closed",
    });
    expect(Date.parse(String(record["credential.expires"]))).toBeGreaterThan(Date.now());
  });

  test("is told which group she is missing and whose the service is; nothing is dialled", async () => {
    const before = backend.connections;
    const answer = await tryConnect(wire, "orders-db:5432", bearer["bob"]);
    expect(answer.status).toBe(403);
    expect(answer.json()).toMatchObject({
      error: "access_denied",
      service: "orders-db",
      owner: "okta:owner",
      missing: { groups: ["okta:dba"] },
    });
    const record = await proxy.record({ connection: answer.json()["connection"] });
    expect(record).toMatchObject({ verdict: "deny", reason: "no-grant-for-person", close: "denied" });
    expect(backend.connections).toBe(before);
  });

  test("learns nothing of a service that is not for people: it looks like one that is not there", async () => {
    const hidden = await tryConnect(wire, "batch-only:1", bearer["bob"]);
    const absent = await tryConnect(wire, "batch-nope:1", bearer["bob"]);
    const shape = (text: string, name: string) =>
      text.replaceAll(name, "X").replace(/"connection":"[^"]+"/, "");
    expect(shape(hidden.body, "batch-only")).toBe(shape(absent.body, "batch-nope"));
    const asked = await ask(wire, "/v1/access/batch-only:1", bearer["bob"]);
    const askedAbsent = await ask(wire, "/v1/access/batch-nope:1", bearer["bob"]);
    expect(shape(asked.body, "batch-only")).toBe(shape(askedAbsent.body, "batch-nope"));
  });

  test("with no grant at all lists nothing, and is refused everywhere", async () => {
    expect((await ask(wire, "/v1/access", bearer["eve"])).json()).toMatchObject({ services: [] });
    for (const target of [
      "orders-db:5432",
      "cache:6379",
      "batch-only:1",
      "169.254.169.254:80",
      "localhost:22",
    ]) {
      expect((await tryConnect(wire, target, bearer["eve"])).status).toBe(403);
    }
  });

  test("lists what she may reach now, and until when her credential counts", async () => {
    const answer = await ask(wire, "/v1/access", bearer["alice"]);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.json()).toMatchObject({
      principal: { user: "okta:alice@example.com", groups: ["okta:dba", "okta:staff"] },
      policy: { digest: "test-1" },
      services: [
        {
          service: "orders-db",
          ports: [{ port: 5432, protocol: "tcp" }],
          owner: "okta:owner",
          until: null,
          rules: ["dba-orders"],
        },
      ],
    });
    expect(Date.parse(String(answer.json()["expires"]))).toBeGreaterThan(Date.now());
    expect(await proxy.record({ close: "answered" })).toMatchObject({
      verdict: "none",
      reason: "access-question",
    });
  });

  test("asks about one port and gets the verdict, or why not and how to ask", async () => {
    expect((await ask(wire, "/v1/access/orders-db:5432", bearer["alice"])).json()).toMatchObject({
      verdict: "allow",
    });
    expect((await ask(wire, "/v1/access/orders-db:5432", bearer["bob"])).json()).toMatchObject({
      service: "orders-db",
      port: 5432,
      verdict: "deny",
      reason: "no-grant-for-person",
      missing: { groups: ["okta:dba"] },
      owner: "okta:owner",
      howToAsk: expect.stringContaining("portreeve request orders-db"),
    });
  });

  test("through a workload is a chain: both are recorded, and both need a grant", async () => {
    const through = await tryConnect(wire, "orders-db:5432", bearer["alice"], proxy.client(API));
    expect(through).toMatchObject({ status: 200, body: "hello" });
    expect(await proxy.record({ "src.identity": API, "src.user": "okta:alice@example.com" })).toMatchObject({
      rules: ["bastion", "dba-orders"],
    });
    const other = await tryConnect(wire, "orders-db:5432", bearer["alice"], proxy.client(OTHER));
    expect(other.status).toBe(403);
    expect(await proxy.record({ "src.identity": OTHER, "src.user": "okta:alice@example.com" })).toMatchObject(
      {
        reason: "no-grant-for-workload",
      },
    );
  });

  test("through a workload learns of a service that no workload is granted no more than of one that is none", async () => {
    const told = async (service: string) => {
      const { body } = await ask(wire, `/v1/access/${service}:6379`, bearer["alice"], proxy.client(API));
      return body.replaceAll(service, "SERVICE");
    };
    expect(await told("cache")).toBe(await told("no-such-service"));
  });
});

describe("an agent with a token of its own", () => {
  test("acts for the one person that its policy names, and reaches what both may", async () => {
    expect(await tryConnect(wire, "cache:6379", bearer["bot"])).toMatchObject({ status: 200, body: "hello" });
    expect(await proxy.record({ "src.agent": "reporter" })).toMatchObject({ rules: ["bob-cache", "bot"] });
    expect((await tryConnect(wire, "orders-db:5432", bearer["bot"])).status).toBe(403);
  });
});

describe("nobody", () => {
  test("is asked for a credential, as HTTP does it, and a text client reads a sentence", async () => {
    for (const answer of [await tryConnect(wire, "orders-db:5432"), await ask(wire, "/v1/access")]) {
      expect(answer.status).toBe(407);
      expect(answer.headers.get("proxy-authenticate")).toBe('Bearer realm="portreeve"');
      expect(answer.json()).toMatchObject({ error: "credential_required" });
    }
    const text = await tryConnect(wire, "orders-db:5432", undefined, undefined, "*/*");
    expect(text.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(text.body).toMatch(/^show a credential/);
  });
});

describe("an operator", () => {
  test("revokes a person: what is open ends at once, and nothing opens until the time is over", async () => {
    const tunnel = await openTunnel(wire, "orders-db:5432", bearer["alice"]);
    const until = new Date(Date.now() + 1_500).toISOString();
    const ended = readToEnd(tunnel);
    const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/revoke`, {
      method: "POST",
      body: JSON.stringify({ user: "okta:alice@example.com", until }),
    });
    expect(await response.json()).toEqual({ closed: 1 });
    await ended;
    expect((await tryConnect(wire, "orders-db:5432", bearer["alice"])).status).toBe(403);
    expect((await ask(wire, "/v1/access", bearer["alice"])).status).toBe(403);
    expect(await proxy.record({ close: "revoked", reason: "revoked" })).toMatchObject({ verdict: "deny" });
    await expect
      .poll(async () => (await tryConnect(wire, "orders-db:5432", bearer["alice"])).status, {
        timeout: 5_000,
      })
      .toBe(200);
  });

  test("is told what is wrong with a revocation", async () => {
    const send = async (body: string) => {
      const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/revoke`, { method: "POST", body });
      return { status: response.status, text: await response.text() };
    };
    expect(await send("nonsense")).toMatchObject({ status: 400 });
    expect(await send('{"agent":"a","user":"b"}')).toEqual({
      status: 400,
      text: "name one of agent, user, role, connection\n",
    });
    expect(await send('{"agents":"a"}')).toMatchObject({ status: 400 });
    expect(await send('{"connection":"nope"}')).toEqual({ status: 200, text: '{\n  "closed": 0\n}\n' });
  });

  test("takes an identity provider out of the configuration, and everybody on its word is closed", async () => {
    const tunnel = await openTunnel(wire, "orders-db:5432", bearer["alice"]);
    const ended = readToEnd(tunnel);
    expect(await proxy.reconfigure((config) => ({ ...config, identityProviders: {} }))).toMatchObject({
      result: "applied",
    });
    await ended;
    expect(await proxy.record({ close: "access-lost" })).toMatchObject({
      error: "the identity provider is no longer accepted",
    });
    expect((await tryConnect(wire, "orders-db:5432", bearer["alice"])).status).toBe(407);
  });
});

test("no token is ever written anywhere", async () => {
  const written = [JSON.stringify(proxy.records()), proxy.running.log(), await proxy.metrics()].join("\n");
  for (const one of Object.values(bearer)) {
    for (const part of one.replace("Bearer ", "").split(".")) expect(written).not.toContain(part);
  }
});

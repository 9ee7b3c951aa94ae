/**
 * The running proxy answers as `decide` does: random policies, compiled, reloaded into one proxy, and asked over real
 * sockets by workloads of three trust domains, by an agent, by nobody, from any address, with and without a server name.
 * Not covered: people and roles, whose credentials have tests of their own, and instants other than now.
 */
import { writeFileSync } from "node:fs";
import { connect, isIPv4 } from "node:net";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileProxy } from "../../policy/compile/proxy/compile.ts";
import type { ProxyConfigInput } from "../../policy/compile/proxy/config.ts";
import { decide, type PrincipalChain } from "../../policy/decide/index.ts";
import { PolicyError } from "../../policy/finding.ts";
import { loadModel } from "../../policy/load/index.ts";
import { agent, grant, type PolicyObject } from "../../policy/load/object.ts";
import type { Model } from "../../policy/model/types.ts";
import type { GrantSpecInput } from "../../policy/schema/index.ts";
import {
  type Authority,
  createAuthority,
  createLeaf,
  type Issued,
} from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { POOL, randomPolicy } from "../istio/random-policy.ts";
import { type Backend, startBackend, startProxy, type TestProxy } from "./harness.ts";

const seed = Number(process.env["PROXY_EQUIVALENCE_SEED"] ?? Date.now() % 1_000_000_007);
const CASES = 600;
const PER_POLICY = 40;
const BOT = `spiffe://${POOL.trustDomain}/ns/ops/sa/worker`;

/** Two listeners for each port of each service: with a client certificate, and without TLS. */
const MAX_LISTENERS = POOL.services.length * 3 * 2;

const names = [POOL.trustDomain, POOL.aliases[0], POOL.foreign];
const workloads = names.flatMap((domain) =>
  POOL.namespaces.flatMap((namespace) =>
    POOL.accounts.map((account) => `spiffe://${domain}/ns/${namespace}/sa/${account}`),
  ),
);

/** Grants at the proxy, so that most services are behind it, and an agent with a certificate of its own. */
const extras: fc.Arbitrary<PolicyObject[]> = fc
  .array(
    fc.record({
      action: fc.constantFrom("allow" as const, "allow" as const, "allow" as const, "deny" as const),
      from: fc.constantFrom<GrantSpecInput["from"]>(
        { agents: ["bot"] },
        { workloads: ["shop/api", "batch/worker"] },
        { namespaces: ["ops"] },
        { cidrs: ["10.0.0.0/8", "fd00::/8"] },
      ),
      service: fc.constantFrom(...POOL.services),
      when: fc.record(
        {
          sni: fc.constant<string[]>(["*.example.com"]),
          sourceCidrs: fc.constant<string[]>(["10.1.0.0/16", "fd00:1::/32"]),
        },
        { requiredKeys: [], noNullPrototype: true },
      ),
    }),
    { minLength: 3, maxLength: 6 },
  )
  .map((grants) => [
    agent("bot", {
      identity: { type: "workload", workload: "ops/worker" },
      onBehalfOf: { type: "user", user: "okta:bob@example.com" },
      owner: "platform",
      expires: "2030-01-01",
      services: [...POOL.services],
      limits: { maxConnections: 1_000 },
    }),
    ...grants.map(({ action, from, service, when }, index) =>
      grant(`extra-${index}`, { action, from, to: { service }, via: "proxy", when }),
    ),
  ]);

interface Case {
  readonly service: string;
  readonly port: number;
  readonly principal: PrincipalChain;
  readonly sourceIp: string;
  readonly sni: string | undefined;
}

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let ports: number[] = [];
const own: Authority = createAuthority("own");
const foreign: Authority = createAuthority("foreign");
const issued = new Map<string, Issued>();

beforeAll(async () => {
  scope = await openScope("proxy-equivalence");
  backend = await startBackend(scope);
  ports = await freePorts(MAX_LISTENERS);
  writeFileSync(join(scope.dir, "own.pem"), own.cert);
  writeFileSync(join(scope.dir, "foreign.pem"), foreign.cert);
  for (const id of workloads) {
    issued.set(id, createLeaf("client", id.includes(POOL.foreign) ? foreign : own, { uris: [id] }));
  }
  proxy = await startProxy(scope, {
    trust: trustOf([]),
    listeners: [{ name: "first", mode: "plaintext-loopback", port: ports[0] ?? 0, service: "first" }],
    services: [{ name: "first", ports: [{ port: 1 }], endpoints: [{ host: "127.0.0.1", port: 1 }] }],
    rules: [],
  });
});

afterAll(() => scope?.stop());

function trustOf(aliases: readonly string[]): ProxyConfigInput["trust"] {
  return {
    trustDomain: POOL.trustDomain,
    aliases: [...aliases],
    bundles: [
      { trustDomain: POOL.trustDomain, file: join(scope.dir, "own.pem") },
      { trustDomain: POOL.foreign, file: join(scope.dir, "foreign.pem") },
    ],
  };
}

/** What was compiled, with this machine's ports and backend; rules and agents as they are. */
function onLoopback(compiled: ProxyConfigInput, model: Model, digest: string) {
  let used = 0;
  const listeners: ProxyConfigInput["listeners"] = [];
  const places = new Map<string, { mtls: number; plain: number }>();
  const proxyProtocol = { from: ["127.0.0.0/8"] };
  for (const { name, ports: served } of compiled.services) {
    for (const { port: servicePort } of served) {
      const [mtls = 0, plain = 0] = ports.slice(used, used + 2);
      used += 2;
      const common = { bind: "127.0.0.1", service: name, servicePort, proxyProtocol };
      listeners.push({ ...common, name: `${name}-${servicePort}`, mode: "mtls", port: mtls });
      listeners.push({
        ...common,
        name: `${name}-${servicePort}-plain`,
        mode: "plaintext-loopback",
        port: plain,
      });
      places.set(`${name}:${servicePort}`, { mtls, plain });
    }
  }
  const change = (before: ProxyConfigInput): ProxyConfigInput => ({
    ...before,
    policy: { digest },
    trust: trustOf(model.trust.spec.trustDomainAliases),
    listeners,
    services: compiled.services.map(({ name, ports: served }) => ({
      name,
      ports: served.map(({ port }) => ({ port, targetPort: backend.port })),
      endpoints: [{ host: "127.0.0.1" }],
    })),
    rules: compiled.rules,
    agents: compiled.agents ?? [],
  });
  return { places, change };
}

/** Whether the backend answers. */
function ask(
  { principal: { workload }, sourceIp, sni }: Case,
  at: { mtls: number; plain: number },
): Promise<boolean> {
  const client = workload === undefined ? undefined : issued.get(workload);
  const raw = connect({ host: "127.0.0.1", port: client ? at.mtls : at.plain });
  raw.write(
    `PROXY ${isIPv4(sourceIp) ? "TCP4" : "TCP6"} ${sourceIp} ${isIPv4(sourceIp) ? "192.0.2.1" : "::1"} 4000 1\r\n`,
  );
  const socket = client
    ? tlsConnect({
        socket: raw,
        cert: client.cert,
        key: client.key,
        rejectUnauthorized: false,
        ...(sni && { servername: sni }),
      })
    : raw;
  return new Promise((done) => {
    let answer = false;
    raw.on("error", () => {});
    socket.on("error", () => {});
    socket.on("data", () => {
      answer = true;
      socket.end();
    });
    socket.on("end", () => socket.destroy());
    socket.once("close", () => done(answer));
    if (client) socket.once("secureConnect", () => socket.write("x"));
    else socket.write("x");
  });
}

function casesOf(model: Model, services: readonly string[]): fc.Arbitrary<Case> {
  const targets = services.flatMap((service) =>
    (model.services.get(service)?.ports ?? []).map(({ port }) => ({ service, port })),
  );
  const trusted = workloads.filter(
    (id) => !id.includes(POOL.aliases[0]) || model.trust.spec.trustDomainAliases.includes(POOL.aliases[0]),
  );
  return fc
    .record({
      target: fc.constantFrom(...targets),
      workload: fc.oneof(
        { weight: 5, arbitrary: fc.constantFrom(...trusted) },
        { weight: 1, arbitrary: fc.constant(undefined) },
      ),
      sourceIp: fc.constantFrom(...POOL.addresses),
      sni: fc.constantFrom(undefined, "db.example.com", "else.example.org"),
    })
    .map(({ target, workload, sourceIp, sni }) => ({
      ...target,
      principal: workload === undefined ? {} : workload === BOT ? { workload, agent: "bot" } : { workload },
      sourceIp,
      sni: workload === undefined ? undefined : sni,
    }));
}

function tryLoad(objects: PolicyObject[]): Model | undefined {
  try {
    return loadModel({ objects });
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}

test(`the running proxy answers as decide does (PROXY_EQUIVALENCE_SEED=${seed})`, {
  timeout: 240_000,
}, async () => {
  const seen = { allow: 0, deny: 0, agents: 0, nobody: 0, policies: 0, recorded: 0 };
  const policies = fc.sample(fc.tuple(randomPolicy, extras), { seed, numRuns: 400 });
  for (const [objects, more] of policies) {
    if (seen.allow + seen.deny >= CASES) break;
    const model = tryLoad([...objects, ...more]);
    const cluster = model?.trust.spec.clusters[0];
    if (!model || !cluster) continue;
    const compiled = compileProxy({ model, cluster }).targets[0]?.object;
    if (!compiled) continue;
    seen.policies += 1;
    const digest = `policy-${seen.policies}`;
    const { places, change } = onLoopback(compiled.config, model, digest);
    expect(await proxy.reconfigure(change)).toMatchObject({ result: "applied" });
    const cases = fc.sample(casesOf(model, compiled.services), {
      seed: seed + seen.policies,
      numRuns: PER_POLICY,
    });
    const before = backend.connections;
    let allowed = 0;
    const lanes = Array.from({ length: 8 }, async (_, lane) => {
      for (let index = lane; index < cases.length; index += 8) {
        const one = cases[index];
        const place = one && places.get(`${one.service}:${one.port}`);
        if (!one || !place) throw new Error("a case without a place");
        const expected = decide(model.table, { via: "proxy", ...one }, Date.now());
        const got = (await ask(one, place)) ? "allow" : "deny";
        expect({ ...one, digest, verdict: got }).toEqual({ ...one, digest, verdict: expected.verdict });
        seen[expected.verdict] += 1;
        if (got === "allow") allowed += 1;
        if (one.principal.agent !== undefined) seen.agents += 1;
        if (one.principal.workload === undefined) seen.nobody += 1;
      }
    });
    await Promise.all(lanes);
    expect(backend.connections - before).toBe(allowed);
    const closes = () =>
      proxy.records().filter(({ policy, event }) => policy === digest && event === "close");
    await until("a record of each case", 10, () => closes().length === cases.length);
    expect(closes().filter(({ verdict }) => verdict === "allow")).toHaveLength(allowed);
    // Denied by the verdict, and not because a handshake or a dial went wrong.
    expect(
      closes().filter(({ close }) => !["client-closed", "upstream-closed", "denied"].includes(String(close))),
    ).toEqual([]);
    seen.recorded += cases.length;
  }
  console.log(`equivalence over sockets: ${JSON.stringify(seen)}`);
  expect(seen.recorded).toBeGreaterThanOrEqual(500);
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThanOrEqual(10);
});

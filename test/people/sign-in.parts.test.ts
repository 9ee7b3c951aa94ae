/**
 * Sign-in, kept credentials and local ports, by real processes and a real provider. The proxy is a stand-in for its side of
 * the wire (wire.ts): what the real one verifies and refuses is no claim of this file.
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, connect as dial, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browse } from "./browser.ts";
import { type Person, personIn, seen } from "./cli.ts";
import { AGENT, CLIENT, JOB, startProvider, type TestProvider } from "./provider.ts";
import { PROXY_ID, startWire, type Wire } from "./wire.ts";

let dir: string;
let provider: TestProvider;
let brief: TestProvider;
let wire: Wire;
let briefWire: Wire;
let alice: Person;
let bob: Person;
const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-people-"));
  const users = { alice: ["dba"], bob: ["interns"] };
  provider = await startProvider({ users });
  // Shorter than what the command wants a token to last: every use is a renewal.
  brief = await startProvider({ users, tokenSeconds: 29 });
  await new Promise<void>((done) => echo.listen(0, "127.0.0.1", done));
  const address = echo.address();
  const backend = typeof address === "object" && address ? address.port : 0;
  const services = [
    { name: "orders-db", port: 5432, protocol: "postgres", group: "dba", owner: "team-orders", backend },
    { name: "cache", port: 6379, protocol: "redis", group: "cache-admins", owner: "team-platform", backend },
  ];
  wire = await startWire(provider.issuer, services);
  briefWire = await startWire(brief.issuer, services);
  for (const one of [wire, briefWire]) writeFileSync(join(dir, `ca-${one.port}.pem`), one.ca.cert);
  alice = personIn(dir, "alice");
  bob = personIn(dir, "bob");
});

afterAll(async () => {
  await Promise.all([wire?.stop(), briefWire?.stop(), provider?.stop(), brief?.stop()]);
  echo.close();
  rmSync(dir, { recursive: true, force: true });
});

const proxyOptions = (to: Wire): string[] => [
  ...["--proxy", `127.0.0.1:${to.port}`, "--ca", `ca-${to.port}.pem`, "--server-name", "localhost"],
];
const providerOptions = (from: TestProvider, client = CLIENT): string[] => [
  ...["--issuer", from.issuer, "--client-id", client],
];

describe("portreeve login", () => {
  it("signs in by browser, and keeps token and context where only the user can read", async () => {
    const { code, stdout, stderr } = await alice.run(
      "login",
      "--browser",
      ...proxyOptions(wire),
      ...providerOptions(provider),
    );
    expect(stderr).toContain("Signing in in your browser");
    expect(stdout).toBe(
      "signed in as idp:alice@example.com; 1 service may be reached (portreeve ls)\ncontext: default\n",
    );
    expect(code).toBe(0);
    const kept = join(alice.home, "credentials/default.json");
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(statSync(join(alice.home, "credentials")).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(alice.home, "config.yaml"), "utf8")).not.toContain("eyJ");
    expect(readdirSync(join(alice.home, "credentials"))).toEqual(["default.json"]);
  });

  it("signs in by device code where there is no display", async () => {
    const started = bob.start(["login", ...proxyOptions(wire), ...providerOptions(provider)]);
    const [, code, url = ""] = await seen(started, /the code (\S+):\n {2}(\S+)/, "stderr");
    expect(url).toContain(code);
    await browse("bob", url);
    const { stdout, code: exit } = await started.ended;
    expect(stdout).toContain("signed in as idp:bob@example.com; 0 services");
    expect(exit).toBe(0);
  });

  it("is not ended or taken over by whoever else reaches the landing port", async () => {
    const started = alice.start([
      "login",
      "--no-browser",
      "--context",
      "second",
      ...proxyOptions(wire),
      ...providerOptions(provider),
    ]);
    const [, page = ""] = await seen(started, /sign in:\n {2}(\S+)/, "stderr");
    const asked = new URL(page);
    expect(asked.searchParams.get("code_challenge_method")).toBe("S256");
    const landing = asked.searchParams.get("redirect_uri") ?? "";
    expect((await fetch(`${landing}?code=stolen&state=guessed`)).status).toBe(400);
    expect((await fetch(new URL("/favicon.ico", landing))).status).toBe(404);
    expect(await browse("alice", page)).toContain("You can close this page");
    expect((await started.ended).code).toBe(0);
  });

  it("says what the provider said when it refuses", async () => {
    const started = alice.start([
      "login",
      "--no-browser",
      "--context",
      "third",
      ...proxyOptions(wire),
      ...providerOptions(provider),
    ]);
    const [, page = ""] = await seen(started, /sign in:\n {2}(\S+)/, "stderr");
    const asked = new URL(page).searchParams;
    const answer = new URL(asked.get("redirect_uri") ?? "");
    answer.searchParams.set("state", asked.get("state") ?? "");
    answer.searchParams.set("error", "access_denied");
    answer.searchParams.set("iss", provider.issuer);
    await fetch(answer);
    const { code, stderr } = await started.ended;
    expect(stderr).toContain("did not sign you in: access_denied");
    expect(code).toBe(2);
  });

  it("refuses an answer that names another issuer (RFC 9207)", async () => {
    const started = alice.start([
      "login",
      "--no-browser",
      "--context",
      "third",
      ...proxyOptions(wire),
      ...providerOptions(provider),
    ]);
    const [, page = ""] = await seen(started, /sign in:\n {2}(\S+)/, "stderr");
    const asked = new URL(page).searchParams;
    const answer = new URL(asked.get("redirect_uri") ?? "");
    answer.searchParams.set("state", asked.get("state") ?? "");
    answer.searchParams.set("code", "of-another-provider");
    answer.searchParams.set("iss", "https://evil.example.com");
    await fetch(answer);
    const { code, stderr } = await started.ended;
    expect(stderr).toMatch(/did not sign you in: .*iss/);
    expect(code).toBe(2);
  });

  it("signs a job in by client credentials, with the secret from the environment", async () => {
    const started = alice.start(
      [
        "login",
        "--context",
        "job",
        "--client-credentials",
        "--client-secret-env",
        "JOB_SECRET",
        ...proxyOptions(wire),
        ...providerOptions(provider, JOB.id),
      ],
      { JOB_SECRET: JOB.secret },
    );
    expect((await started.ended).stdout).toContain("signed in as idp:nightly-job@clients.example.com");
    const without = await alice.run("login", "--context", "job");
    expect(without).toMatchObject({ code: 2, stderr: "the client's secret: JOB_SECRET is not set\n" });
  });

  it("shows the token in a file, read anew each time, and says what is wrong with it", async () => {
    const file = join(dir, "workload.jwt");
    writeFileSync(file, `${tokenOf(alice, "default")}\n`);
    const options = ["login", "--context", "file", "--token-file", file, ...proxyOptions(wire)];
    expect((await alice.run(...options)).stdout).toContain("signed in as idp:alice@example.com");
    writeFileSync(file, "eyJhbGciOiJub25lIn0.e30.");
    const { code, stderr } = await alice.run("ls", "--context", "file");
    expect(stderr).toContain("does not accept your credential: the token is not valid");
    expect(code).toBe(2);
  });

  it("makes one token of person and agent, and refuses one that names no agent", async () => {
    const person = join(dir, "person.jwt");
    const secret = join(dir, "bot.secret");
    writeFileSync(person, tokenOf(alice, "default"));
    writeFileSync(secret, AGENT.secret);
    const options = [
      "--subject-token-file",
      person,
      "--client-secret-file",
      secret,
      ...proxyOptions(wire),
      ...providerOptions(provider, AGENT.id),
    ];
    // The stand-in names an agent by its subject; the real proxy by its name in the policies.
    const { stdout } = await alice.run("login", "--agent", AGENT.id, ...options);
    expect(stdout).toBe(
      `signed in as ${AGENT.id} for idp:alice@example.com; 1 service may be reached (portreeve ls)\ncontext: ${AGENT.id}\n`,
    );
    const other = await alice.run("login", "--agent", "another", ...options);
    expect(other.stderr).toContain(`takes this token for the agent ${AGENT.id}, not for another`);
    expect(readdirSync(join(alice.home, "credentials"))).not.toContain("another.json");
  });

  it("shows an AWS request signed at that moment, another each time, and keeps nothing", async () => {
    const env = {
      AWS_ACCESS_KEY_ID: "AKIAEXAMPLEEXAMPLE12",
      AWS_SECRET_ACCESS_KEY: "not-a-secret",
      AWS_EC2_METADATA_DISABLED: "true",
    };
    const options = ["login", "--context", "aws", "--aws", "--region", "eu-central-1", ...proxyOptions(wire)];
    const before = wire.shown.length;
    // The stand-in knows no AWS, and refuses: what is sent is what is looked at.
    expect((await alice.start(options, env).ended).code).toBe(2);
    expect((await alice.start(["ls", "--context", "aws"], env).ended).code).toBe(2);
    const [first = "", second = "", ...more] = wire.shown.slice(before);
    expect(more).toEqual([]);
    for (const shown of [first, second]) {
      const request = JSON.parse(Buffer.from(shown.replace("AWS4-STS ", ""), "base64url").toString());
      expect(request).toMatchObject({ method: "POST", url: "https://sts.eu-central-1.amazonaws.com/" });
    }
    expect(first).not.toBe(second);
    expect(readdirSync(join(alice.home, "credentials"))).not.toContain("aws.json");
  });

  it("refuses two ways at once, an issuer without TLS, and a proxy with another certificate", async () => {
    const two = await alice.run("login", "--aws", "--device");
    expect(two).toMatchObject({ code: 2, stderr: "login: --aws and --device exclude each other\n" });
    const plain = await alice.run(
      "login",
      "--context",
      "x",
      "--proxy",
      "h:1",
      "--issuer",
      "http://login.example.com",
      "--client-id",
      "c",
    );
    expect(plain.stderr).toContain("an OIDC issuer starts with https://");
    const file = join(dir, "workload.jwt");
    const foreign = await alice.run(
      "login",
      "--context",
      "y",
      "--token-file",
      file,
      "--proxy",
      `127.0.0.1:${wire.port}`,
      "--ca",
      `ca-${briefWire.port}.pem`,
    );
    expect(foreign.stderr).toContain("does not vouch for it");
    const otherId = [
      "--token-file",
      file,
      "--proxy",
      `127.0.0.1:${wire.port}`,
      "--ca",
      `ca-${wire.port}.pem`,
    ];
    const impostor = await alice.run("login", "--context", "y", ...otherId, "--spiffe-id", `${PROXY_ID}-2`);
    expect(impostor).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`is not that of ${PROXY_ID}-2`),
    });
    const before = wire.shown.length;
    const named = await alice.run(
      "login",
      "--context",
      "y",
      ...otherId,
      "--server-name",
      "other.example.com",
    );
    expect(named.code).toBe(2);
    expect(wire.shown, "no credential is shown to a proxy that has not proved itself").toHaveLength(before);
  });
});

describe("a kept credential", () => {
  it("is not used when others can read it", async () => {
    const kept = join(bob.home, "credentials/default.json");
    chmodSync(kept, 0o644);
    const { code, stderr } = await bob.run("ls");
    expect(stderr).toContain("other users of this machine can read it, so it is not used. Run: chmod 600");
    expect(code).toBe(2);
    chmodSync(kept, 0o600);
    expect((await bob.run("ls")).code).toBe(0);
  });

  it("is renewed without a word, once, however many processes need it: a rotated refresh token works once", async () => {
    const login = [
      "login",
      "--browser",
      "--context",
      "brief",
      ...proxyOptions(briefWire),
      ...providerOptions(brief),
    ];
    expect((await alice.run(...login)).code).toBe(0);
    const { refreshes } = brief.counts;
    const results = await Promise.all(
      Array.from({ length: 4 }, () => alice.run("ls", "--context", "brief", "--json")),
    );
    for (const { code, stdout, stderr } of results) {
      expect(stderr).toBe("");
      expect(code).toBe(0);
      expect(JSON.parse(stdout).services).toHaveLength(1);
    }
    // A token of 29 seconds never outlives the margin of 30, so each of them renews, one after the other.
    expect(brief.counts.refreshes - refreshes).toBe(4);
    expect((await alice.run("status", "--context", "brief")).code).toBe(0);
  });

  it("ends with logout: revoked at the provider, deleted here", async () => {
    const { code, stdout } = await alice.run("logout", "--context", "brief");
    expect(stdout).toBe(`signed out of brief\n${brief.issuer} has revoked the refresh token\n`);
    expect(code).toBe(0);
    expect(brief.counts.revocations).toBeGreaterThan(0);
    const after = await alice.run("status", "--context", "brief", "--json");
    expect(after.code).toBe(1);
    expect(JSON.parse(after.stdout)).toMatchObject({
      signedIn: false,
      reachable: false,
      problem: expect.stringContaining("not signed in"),
    });
  });
});

describe("portreeve ls and status", () => {
  it("list what may be reached, and who that is", async () => {
    expect((await alice.run("ls", "--context", "default")).stdout).toBe(
      "SERVICE    PORTS          UNTIL  OWNER        DESCRIPTION\norders-db  5432/postgres  -      team-orders\n",
    );
    const { stdout } = await alice.run("status", "--context", "default", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      context: "default",
      signedIn: true,
      reachable: true,
      principal: { user: "idp:alice@example.com", groups: ["idp:dba"] },
      services: 1,
      problem: null,
    });
  });
});

describe("portreeve connect", () => {
  it("carries bytes both ways, keeps half-closed connections open, and is gone after Ctrl-C", async () => {
    const started = alice.start(["connect", "orders-db", "--context", "default", "--json"]);
    const [line] = await seen(started, /^\{.*\}$/m);
    const { localPort } = JSON.parse(line);
    const sent = Buffer.alloc(3_000_000, "portreeve ");
    expect((await exchange({ port: localPort, host: "127.0.0.1" }, sent)).equals(sent)).toBe(true);
    started.child.kill("SIGINT");
    expect(await started.ended).toMatchObject({ code: 0 });
    await expect(exchange({ port: localPort, host: "127.0.0.1" }, sent)).rejects.toThrow("ECONNREFUSED");
  });

  it("opens a Unix socket that nobody else can use, and removes it", async () => {
    const path = join(dir, "own.sock");
    const started = alice.start(["connect", "orders-db:5432", "--context", "default", "--socket", path]);
    await seen(started, /is at .*own\.sock/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await exchange({ path }, Buffer.from("hello"))).toString()).toBe("hello");
    started.child.kill("SIGTERM");
    expect(await started.ended).toMatchObject({ code: 0 });
    expect(() => statSync(path)).toThrow("ENOENT");
  });

  it("runs a client with what its protocol knows, passes its exit code and signals on", async () => {
    const script =
      "console.log(process.env.PGHOST, process.env.PGSSLMODE, process.env.PGHOSTADDR, process.argv[1]); process.exit(7)";
    const ran = alice.start(
      ["connect", "orders-db", "--context", "default", "--", process.execPath, "-e", script, "{host}:{port}"],
      { PGHOSTADDR: "203.0.113.1" },
    );
    const { code, stdout } = await ran.ended;
    expect(stdout).toMatch(/^127\.0\.0\.1 disable undefined 127\.0\.0\.1:\d+\n$/);
    expect(code).toBe(7);
    const waiting =
      "process.on('SIGTERM', () => process.exit(9)); console.log('ready'); setInterval(() => {}, 1000)";
    const held = alice.start([
      "connect",
      "orders-db",
      "--context",
      "default",
      "--",
      process.execPath,
      "-e",
      waiting,
    ]);
    await seen(held, /ready/);
    held.child.kill("SIGTERM");
    expect(await held.ended).toMatchObject({ code: 9 });
  });

  it("tells before anything is opened what is missing, whose it is and how to ask", async () => {
    const { code, stderr } = await bob.run("connect", "orders-db:5432", "--", "touch", join(dir, "was-run"));
    expect(stderr).toBe(`refused: you may not reach orders-db:5432 now (no-grant-for-person)
  missing: group idp:dba
  owner: team-orders
  how to ask: portreeve request orders-db:5432 --for 1h --reason "…"
  recorded as: connection 1
`);
    expect(code).toBe(1);
    expect(readdirSync(dir)).not.toContain("was-run");
  });
});

/** The access token that a sign-in left. */
function tokenOf({ home }: Person, context: string): string {
  return JSON.parse(readFileSync(join(home, `credentials/${context}.json`), "utf8")).token;
}

/** Sends everything, says so, and reads to the end. */
function exchange(to: { port: number; host: string } | { path: string }, sent: Buffer): Promise<Buffer> {
  return new Promise((done, failed) => {
    const socket: Socket = dial({ ...to, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.on("data", (data: Buffer) => chunks.push(data));
    socket.once("error", failed);
    socket.once("end", () => done(Buffer.concat(chunks)));
    socket.end(sent);
  });
}

/** Stock clients, without anything of ours on their side: curl by its own options, socat for the TLS and a head by hand. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { part } from "../../toolchain/parts.ts";
import { startBackend, startProxy, type TestProxy } from "../harness.ts";
import { AUDIENCE, startProvider } from "./provider.ts";

let scope: Scope;
let proxy: TestProxy;
let port = 0;
let token = "";
let ca = "";

beforeAll(async () => {
  scope = await openScope("proxy-clients");
  // An HTTP server of the simplest kind, for curl; it echoes all else, for socat.
  const backend = await startBackend(scope, (socket) => {
    socket.on("data", (data) => {
      const text = data.toString();
      if (text.startsWith("GET "))
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nreport");
      else socket.write(data);
    });
    socket.on("end", () => socket.end());
  });
  const [shared = 0, providerPort = 0] = await freePorts(2);
  port = shared;
  const provider = await startProvider(scope, providerPort, { alice: ["dba"] });
  const endpoints = [{ host: "127.0.0.1", port: backend.port }];
  proxy = await startProxy(scope, {
    listeners: [{ name: "shared", mode: "connect", bind: "127.0.0.1", port }],
    services: [
      { name: "reports", ports: [{ port: 80 }], endpoints },
      { name: "payroll", owner: "okta:hr", ports: [{ port: 80 }], endpoints },
    ],
    rules: [
      { id: "dba", action: "allow", service: "reports", subjects: { idpGroups: ["okta:dba"] } },
      { id: "hr", action: "allow", service: "payroll", subjects: { idpGroups: ["okta:hr"] } },
    ],
    identityProviders: { oidc: [{ name: "okta", issuer: provider.issuer, audiences: [AUDIENCE] }] },
  });
  token = await provider.personToken("alice");
  ca = join(scope.dir, "ca.pem");
  writeFileSync(ca, proxy.ca.cert);
});

afterAll(() => scope?.stop());

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(name: "curl" | "socat", args: readonly string[], input = ""): Promise<Ran> {
  const { path } = await part(name);
  return new Promise((done) => {
    const child = execFile(path, [...args], { timeout: 20_000 }, (error, out, err) => {
      done({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
    child.stdin?.end(input);
  });
}

const viaProxy = () => [
  "--silent",
  "--show-error",
  "--proxytunnel",
  "--proxy",
  `https://localhost:${port}`,
  "--proxy-cacert",
  ca,
];

test("curl goes through with a bearer token in a proxy header", async () => {
  const bearer = ["--proxy-header", `Proxy-Authorization: Bearer ${token}`];
  expect(await run("curl", [...viaProxy(), ...bearer, "http://reports:80/"])).toMatchObject({
    code: 0,
    out: "report",
  });
  expect(await proxy.record({ "dst.service": "reports" })).toMatchObject({
    "src.user": "okta:alice@example.com",
  });
});

test("curl says why it was refused: no credential, and no grant", async () => {
  const anonymous = await run("curl", [...viaProxy(), "http://reports:80/"]);
  expect(anonymous).toMatchObject({ code: 56 });
  expect(anonymous.err).toMatch(/407/);
  const bearer = ["--proxy-header", `Proxy-Authorization: Bearer ${token}`];
  const refused = await run("curl", [...viaProxy(), ...bearer, "--include", "http://payroll:80/"]);
  expect(refused).toMatchObject({ code: 56 });
  expect(refused.err).toMatch(/403/);
});

test("curl asks what may be reached", async () => {
  const asked = await run("curl", [
    "--silent",
    "--cacert",
    ca,
    "--header",
    `Authorization: Bearer ${token}`,
    `https://localhost:${port}/v1/access`,
  ]);
  expect(JSON.parse(asked.out)).toMatchObject({ services: [{ service: "reports", ports: [{ port: 80 }] }] });
});

test("socat carries a head that is written by hand, and what follows", async () => {
  const head = `CONNECT reports:80 HTTP/1.1\r\nHost: reports:80\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`;
  const target = `OPENSSL:localhost:${port},cafile=${ca},commonname=localhost`;
  const ran = await run("socat", ["-t5", "-", target], `${head}anything at all`);
  expect(ran.out).toBe("HTTP/1.1 200 Connection established\r\n\r\nanything at all");
});

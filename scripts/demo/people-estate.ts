/**
 * Where the people's demo takes place: an OpenID Connect provider, a PostgreSQL, policies in a git repository, and the proxy
 * with what is compiled from them. Only what a laptop cannot have is replaced: the certificates of the mesh, by throw-away ones.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../../test/cluster/ports.ts";
import { openScope, type Scope } from "../../test/cluster/scope.ts";
import { startPostgres } from "../../test/cluster/servers.ts";
import { MAIN } from "../../test/people/cli.ts";
import { estateIn } from "../../test/people/estate.ts";
import { AGENT } from "../../test/people/provider.ts";
import { startProxy, type TestProxy } from "../../test/proxy/harness.ts";
import { onPath } from "../../test/toolchain/machine.ts";
import { run } from "../../test/toolchain/run.ts";
import { quoted } from "./command-line.ts";

export interface PeopleEstate {
  /** All files of the demo; commands are typed in here. */
  readonly dir: string;
  /** Has `portreeve` as a command. */
  readonly bin: string;
  readonly issuer: string;
  /** Host and port of the proxy's shared port. */
  readonly address: string;
  /** Of the policies. */
  readonly commit: string;
  readonly proxy: TestProxy;
  stop(): Promise<void>;
}

/** The SPIFFE ID of the proxy of the harness, which is what a sign-in compares. */
export const PROXY_ID = "spiffe://test.org/ns/portreeve/sa/proxy";

/** The proxy's records, in `dir`. */
export const RECORDS = "proxy.audit.jsonl";

export async function openPeopleEstate(): Promise<PeopleEstate> {
  if (onPath("psql") === undefined)
    throw new Error("psql is not on PATH; it comes with PostgreSQL's client package (postgresql-client)");
  const scope = await openScope("people-demo");
  try {
    return await open(scope);
  } catch (error) {
    await scope.stop();
    throw error;
  }
}

async function open(scope: Scope): Promise<PeopleEstate> {
  const { dir } = scope;
  const postgres = await startPostgres();
  scope.onStop(postgres.stop);
  const issuer = await startProviderProcess(scope);
  // Nothing listens at the other two services: nobody in this demo may reach them, so nothing is dialled.
  const [port = 0, redis = 0, mysql = 0] = await freePorts(3);
  const estate = estateIn(dir, issuer, { postgres: postgres.port, redis, mysql }, AGENT.id);
  writeFileSync(join(estate.policies, "reports.yaml"), reports(postgres.port));
  const commit = await committed(estate.policies);
  const parts = estate.parts();
  const proxy = await startProxy(scope, {
    listeners: [{ name: "shared", mode: "connect", bind: "127.0.0.1", port }],
    ...parts,
    policy: { ...parts.policy, commit },
  });
  return {
    dir,
    bin: commandIn(dir),
    issuer,
    address: `127.0.0.1:${port}`,
    commit,
    proxy,
    stop: scope.stop,
  };
}

/** A service that the person may reach and the agent may not, though it acts for her. */
const reports = (port: number): string => `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: reports-db }
spec:
  owner: team-reports
  protocol: postgres
  hosts: [reports-db.example.com]
  ports: [{ port: 5432, targetPort: ${port} }]
  location: { type: external }
  resolution: static
  endpoints: [127.0.0.1]
  tls: { mode: none }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: dba-reports }
spec: { from: { groups: [dba] }, to: { service: reports-db }, owner: team-reports }
`;

/** @returns its issuer */
async function startProviderProcess(scope: Scope): Promise<string> {
  const file = join(scope.dir, "issuer");
  await scope.start("provider", process.execPath, [join(import.meta.dirname, "provider-process.ts"), file], {
    ready: () => existsSync(file),
  });
  return readFileSync(file, "utf8");
}

/** Commits the policies, so that the commit that a record names can be looked at. */
async function committed(policies: string): Promise<string> {
  const git = (...args: string[]) => run("git", args, { cwd: policies });
  const author = ["-c", "user.name=demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false"];
  await git("init", "-q");
  await git("add", ".");
  await git(...author, "commit", "-q", "-m", "Who may reach what");
  return (await git("rev-parse", "--short=12", "HEAD")).trim();
}

/** `portreeve` of this source tree as a command, for the other terminal. */
function commandIn(dir: string): string {
  const bin = join(dir, "bin");
  const file = join(bin, "portreeve");
  mkdirSync(bin);
  writeFileSync(file, `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(MAIN)} "$@"\n`);
  chmodSync(file, 0o755);
  return bin;
}

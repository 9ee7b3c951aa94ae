/**
 * `npm run demo -- --people`: a person and an agent reach a real database as themselves. Each step is a command of the
 * product, run as a user types it, and must come to what it should; the first one that does not ends the demo.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../test/cluster/until.ts";
import { browse } from "../../test/people/browser.ts";
import { type Person, personIn, seen } from "../../test/people/cli.ts";
import { AGENT, CLIENT } from "../../test/people/provider.ts";
import { check, endOf, printed, prompt, type, typeAndLeave } from "./command-line.ts";
import { openPeopleEstate, type PeopleEstate, PROXY_ID, RECORDS } from "./people-estate.ts";
import { keepPeople } from "./people-keep.ts";

type Say = (text: string) => void;

const psql = (query: string): string[] => ["--", "psql", "-U", "postgres", "-c", query];

/** @param keep leave it all running until Ctrl-C, with commands to type in another terminal */
export async function showPeople(say: Say, keep: boolean): Promise<void> {
  say("Starting an OpenID Connect provider, PostgreSQL, and the proxy with what the policies compile to");
  const estate = await openPeopleEstate();
  try {
    console.log(`The provider is at ${estate.issuer}, the proxy's shared port at ${estate.address}`);
    const alice = personIn(estate.dir, "alice");
    await personSteps(say, estate, alice);
    await agentSteps(say, estate, alice);
    await auditSteps(say, estate, alice);
    if (keep) await keepPeople(estate, alice);
    else say("Done: nothing is left behind.");
  } finally {
    await estate.stop();
  }
}

const trustIn = ({ address, issuer }: PeopleEstate): string[] => [
  ...["--proxy", address, "--ca", "proxy.ca.pem", "--spiffe-id", PROXY_ID, "--issuer", issuer],
];

async function personSteps(say: Say, estate: PeopleEstate, alice: Person): Promise<void> {
  say("A new user signs in, by device code; the demo is the browser where she enters her name");
  const login = ["login", "--device", ...trustIn(estate), "--client-id", CLIENT];
  prompt(login);
  const started = alice.start(login);
  const [, page = ""] = await seen(started, /the code \S+:\n {2}(\S+)/, "stderr");
  await browse("alice", page);
  const result = await started.ended;
  printed(result);
  check(login, result, { says: [/signed in as okta:alice@example\.com; 2 services may be reached/] });

  say("What she may reach");
  await type(alice, ["ls"], { says: [/^orders-db +5432\/postgres/m, /^reports-db +5432/m] });

  say("Her own psql, through the proxy, as herself");
  await type(alice, ["connect", "orders-db", ...psql("select 1")], { says: [/\(1 row\)/] });

  say("Another service: refused before a client runs, with what is missing, whose it is and how to ask");
  await type(alice, ["connect", "cache:6379", "--", "redis-cli", "-h", "{host}", "-p", "{port}", "PING"], {
    code: 1,
    says: [/refused: .* \(no-grant-for-person\)/, /missing: group okta:operators/, /owner: team-cache/],
  });
}

async function agentSteps(say: Say, estate: PeopleEstate, alice: Person): Promise<void> {
  say("An agent signs in for her: her token is exchanged for one that names both");
  const { token } = JSON.parse(readFileSync(join(alice.home, "credentials/default.json"), "utf8"));
  writeFileSync(join(estate.dir, "person.jwt"), token, { mode: 0o600 });
  writeFileSync(join(estate.dir, "bot.secret"), AGENT.secret, { mode: 0o600 });
  await type(
    alice,
    [
      ...["login", "--agent", "triage", "--subject-token-file", "person.jwt", ...trustIn(estate)],
      ...["--client-id", AGENT.id, "--client-secret-file", "bot.secret"],
    ],
    { says: [/signed in as triage for okta:alice@example\.com; 1 service may be reached/] },
  );

  say("It reaches what both it and she may, and nothing else");
  const asAgent = ["--context", "triage"];
  await type(alice, ["connect", "orders-db", ...asAgent, ...psql("select 2")], { says: [/\(1 row\)/] });
  await type(alice, ["connect", "reports-db:5432", ...psql("select 3")], { says: [/\(1 row\)/] });
  await type(alice, ["connect", "reports-db:5432", ...asAgent, ...psql("select 3")], {
    code: 1,
    // The proxy tells an agent of this service what it tells of one that does not exist; its record has the reason.
    says: [/^refused: you may not reach reports-db:5432 now \(no-grant-for-person\)/m],
  });

  say("Its policy lets it hold two connections: a third is refused");
  const long = ["connect", "orders-db", ...asAgent, ...psql("select pg_sleep(3600)")];
  const held = [typeAndLeave(alice, long), typeAndLeave(alice, long)];
  await until("two connections of the agent", 30, async () => {
    const connections = (await estate.proxy.admin("GET", "/connections")) as { phase: string }[];
    return connections.filter(({ phase }) => phase === "relay").length === held.length;
  });
  await type(alice, ["connect", "orders-db", ...asAgent, ...psql("select 4")], {
    code: "not 0",
    says: [/refused by the proxy: .*(limit|connections)/],
  });

  say("The kill switch: both end at once, and it is refused from then on");
  await type(
    alice,
    ["revoke", "--agent", "triage", "--admin", `http://127.0.0.1:${estate.proxy.adminPort}`],
    {
      says: [/2 connections ended, and refused from now on/],
    },
  );
  for (const one of held) await endOf(one, long, { code: "not 0" });
  await type(alice, ["ls", ...asAgent], { code: 1, says: [/withdrawn by an operator/] });

  say("She herself is not touched");
  await type(alice, ["connect", "orders-db", ...psql("select 5")], { says: [/\(1 row\)/] });
}

/** psql says that it leaves, and both it and the server then close; whose end the proxy sees first is theirs to race for. */
const GONE = "(client-closed|client-reset|upstream-closed)";

/** What the records must tell, oldest first. The two that the kill switch ends are ended at the same instant. */
const ROWS: readonly string[] = [
  `- orders-db:5432 allow dba-orders COMMIT ${GONE}`,
  "- cache:6379 deny - COMMIT denied",
  `triage orders-db:5432 allow triage-orders COMMIT ${GONE}`,
  `- reports-db:5432 allow dba-reports COMMIT ${GONE}`,
  "triage reports-db:5432 deny - COMMIT denied",
  "triage orders-db:5432 allow triage-orders COMMIT limit",
  "triage orders-db:5432 allow triage-orders COMMIT revoked",
  "triage orders-db:5432 allow triage-orders COMMIT revoked",
  `- orders-db:5432 allow dba-orders COMMIT ${GONE}`,
];

async function auditSteps(say: Say, estate: PeopleEstate, alice: Person): Promise<void> {
  // A record is written when its connection has ended: hers to three services and the agent's, as counted in the table below.
  await until("the records of all connections", 20, () => {
    const ended = estate.proxy.records().filter((record) => record["dst.service"] !== undefined);
    return ended.length === ROWS.length;
  });

  say("All of it is in the records: user, groups, agent, rule, and the commit of the policies");
  const columns = "time,src_user,src_groups,src_agent,service,verdict,rule,commit,close";
  const { stdout } = await type(alice, ["audit", "query", RECORDS, "--service", "*", "--columns", columns]);
  const rows = stdout.trim().split("\n").slice(1).reverse();
  for (const [index, row] of ROWS.entries()) {
    const columnsOfRow = rows[index]?.split(/ {2,}/).slice(1) ?? [];
    const found = columnsOfRow.join(" ").replace(estate.commit, "COMMIT");
    const wanted = new RegExp(`^okta:alice@example\\.com \\["okta:dba"\\] ${row}$`);
    if (!wanted.test(found)) throw new Error(`audit query: row ${index + 1} is not ${wanted}, but: ${found}`);
  }

  say("And nothing in the records was changed, removed or put in");
  await type(alice, ["audit", "verify", RECORDS], {
    says: [/nothing was changed, removed, reordered or inserted/],
  });

  say("A copy with another name in one line is found out");
  const records = readFileSync(join(estate.dir, RECORDS), "utf8");
  writeFileSync(join(estate.dir, "forged.jsonl"), records.replace("okta:alice", "okta:mallory"));
  console.log(`$ sed '0,/okta:alice/s//okta:mallory/' ${RECORDS} > forged.jsonl`);
  await type(alice, ["audit", "verify", "forged.jsonl"], { code: 1 });
}

/** Leaves the people's demo running, with what there is to type in another terminal. */
import { join } from "node:path";
import type { Person } from "../../test/people/cli.ts";
import { CLIENT } from "../../test/people/provider.ts";
import { commandText, quoted } from "./command-line.ts";
import { type PeopleEstate, PROXY_ID, RECORDS } from "./people-estate.ts";

/** Prints the commands and waits until the user ends it. */
export async function keepPeople(estate: PeopleEstate, alice: Person): Promise<void> {
  console.log(`\n${keepText(estate, alice)}`);
  await new Promise<void>((resolve) => {
    // Nothing else that is open is sure to keep this process alive.
    const alive = setInterval(() => {}, 60_000);
    const end = () => {
      clearInterval(alive);
      resolve();
    };
    process.once("SIGINT", end);
    process.once("SIGTERM", end);
  });
}

function keepText(estate: PeopleEstate, alice: Person): string {
  const { dir, bin, address, issuer, commit } = estate;
  const bob = join(dir, "home-of-another");
  const admin = ["--admin", `http://127.0.0.1:${estate.proxy.adminPort}`];
  const psql = ["--", "psql", "-U", "postgres"];
  const login = [
    ...["login", "--no-browser", "--proxy", address, "--ca", "proxy.ca.pem", "--spiffe-id", PROXY_ID],
    ...["--issuer", issuer, "--client-id", CLIENT],
  ];
  return `Running until Ctrl-C; tokens are good for an hour. In another terminal:

  cd ${quoted(dir)}
  export PATH=${quoted(bin)}:"$PATH" PORTREEVE_CREDENTIAL_STORE=file
  export PORTREEVE_HOME=${quoted(alice.home)}

As alice, who is signed in:
  ${commandText(["status"])}
  ${commandText(["connect", "orders-db", ...psql])}
  ${commandText(["connect", "cache:6379"])}
  ${commandText(["connect", "orders-db", "--context", "triage", ...psql])}    # the agent: revoked
  ${commandText(["revoke", "--agent", "triage", ...admin, "--until", new Date().toISOString()])}    # no longer
  ${commandText(["audit", "query", RECORDS])}
  git -C policies show ${commit}

As somebody else, who signs in with the browser of this machine (user bob or alice, any password):
  export PORTREEVE_HOME=${quoted(bob)}
  ${commandText(login)}
  ${commandText(["ls"])}
  ${commandText(["request", "orders-db", "--for", "1h", "--reason", "to look around"])}
The request is a file that waits for its review; this demo deploys none, so it changes nothing here.`;
}

/** All facts, in the order of the page docs/istio-tcp-truth.md. */
import { type Fact, SOURCES } from "./fact.ts";
import { HTTP } from "./facts-http.ts";
import { MATCH } from "./facts-match.ts";
import { MTLS } from "./facts-mtls.ts";
import { ORDER } from "./facts-order.ts";

export const FACTS: readonly { readonly title: string; readonly facts: readonly Fact[] }[] = [
  { title: "Which policies apply, and in which order", facts: ORDER },
  { title: "HTTP attributes and other parts that TCP cannot hold", facts: HTTP },
  { title: "How identities and addresses match", facts: MATCH },
  { title: "mTLS: PeerAuthentication", facts: MTLS },
];

/** The tables of the page, as Markdown. */
export function factTables(): string {
  return FACTS.map(({ title, facts }) =>
    [
      `### ${title}`,
      "",
      "| the case | sidecar | ztunnel | read in |",
      "|---|---|---|---|",
      ...facts.map(
        (fact) => `| ${fact.says} | ${cell(fact, "sidecar")} | ${cell(fact, "ztunnel")} | ${sources(fact)} |`,
      ),
      "",
    ].join("\n"),
  ).join("\n");
}

/** A verdict that differs between the data planes stands out. */
function cell(fact: Fact, dataplane: "sidecar" | "ztunnel"): string {
  const verdict = verdictOf(fact, dataplane);
  return verdictOf(fact, "sidecar") === verdictOf(fact, "ztunnel") ? verdict : `**${verdict}**`;
}

function verdictOf(fact: Fact, dataplane: "sidecar" | "ztunnel"): string {
  return fact[dataplane].split(" ")[0] ?? "";
}

function sources(fact: Fact): string {
  return [...new Set(fact.sources)].map((key) => `\`${SOURCES[key]}\``).join(", ");
}

import type { AwsChain } from "../../policy/compile/aws/chain.ts";
import type { Connection } from "../../policy/decide/connection.ts";
import { explainConnection } from "../../policy/explain/index.ts";
import { PolicyError } from "../../policy/finding.ts";
import { graphOfAccess } from "../../policy/graph/access.ts";
import type { Graph } from "../../policy/graph/graph.ts";
import { accessTable } from "../../policy/index.ts";
import { loadPolicySet } from "../../policy/load/index.ts";
import { chooseCluster } from "../cluster.ts";
import { CliError } from "../exit.ts";
import { explainText } from "../explain/text.ts";
import type { Seen } from "../live/records.ts";

/** The policies as they are now. */
export type Policies =
  | { readonly state: "none" }
  | { readonly state: "wrong"; readonly problem: string }
  | ({ readonly state: "read"; readonly graph: Graph; readonly digest: string } & ReturnType<
      typeof loadPolicySet
    >);

/** Reads them anew: they may have been edited since. */
export function readPolicies(paths: readonly string[], cluster: string | undefined): Policies {
  if (paths.length === 0) return { state: "none" };
  try {
    const set = loadPolicySet({ paths });
    const chosen = chooseCluster(set.model, cluster);
    const graph = graphOfAccess(`Access in ${chosen.name}`, accessTable(set.model, chosen));
    return { state: "read", graph, digest: set.model.digest, ...set };
  } catch (error) {
    if (error instanceof PolicyError || error instanceof CliError) {
      return { state: "wrong", problem: error.message };
    }
    throw error;
  }
}

const NO_CHAINS: readonly AwsChain[] = [];

/** Why a connection of the records was refused, and what would let it in, by the policies at hand. */
export function explainSeen(policies: Policies, seen: Seen): string {
  const happened = `${seen.who} → ${seen.service}: ${seen.verdict} (${seen.reason ?? "no reason"}), ended as ${seen.close ?? "?"}${seen.error === undefined ? "" : `: ${seen.error}`}`;
  const service = seen["dst.service"];
  const port = seen["dst.port"];
  if (policies.state === "none") return `${happened}\nWhy in detail: start with --policies.`;
  if (policies.state === "wrong") return `${happened}\nThe policies cannot be read: ${policies.problem}`;
  if (service === undefined || port === undefined || seen.verdict === "none") {
    return `${happened}\nIt ended before there was anything to judge by policies.`;
  }
  const { model, documents } = policies;
  if (!model.services.has(service)) return `${happened}\nThe policies at hand have no Service "${service}".`;
  const connection = connectionOf(seen, service, port);
  const explanation = explainConnection(model, documents, connection, Date.parse(seen.time));
  const question = { from: seen.who, to: seen.service };
  const other =
    seen.policy === undefined || seen.policy === model.digest
      ? ""
      : `\nThe proxy judged it by another state of the policies (${seen.policy}) than is at hand here (${model.digest}).`;
  return `${happened}\n\n${explainText(question, explanation, NO_CHAINS, false).trimEnd()}${other}`;
}

function connectionOf(seen: Seen, service: string, port: number): Connection {
  const { "src.user": user, "src.role": awsRole, "src.groups": groups } = seen;
  const isPerson = user !== undefined || awsRole !== undefined;
  return {
    via: "proxy",
    service,
    port,
    principal: {
      workload: seen["src.identity"],
      person: isPerson ? { user, awsRole, groups: groups ?? [] } : undefined,
      agent: seen["src.agent"],
    },
    sourceIp: seen["src.addr"]?.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1"),
    sni: seen.sni,
  };
}

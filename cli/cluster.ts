import { didYouMean } from "../policy/load/suggest.ts";
import type { Cluster, Model } from "../policy/model/types.ts";
import { CliError } from "./exit.ts";

/** The cluster that `--cluster` names; without it, the only one. */
export function chooseCluster(model: Model, wanted: string | undefined): Cluster {
  const { clusters } = model.trust.spec;
  const names = clusters.map(({ name }) => name);
  const [only, ...others] = clusters;
  if (wanted === undefined) {
    if (only && others.length === 0) return only;
    throw new CliError(`Trust has several clusters: choose one with --cluster (${names.join(", ")})`);
  }
  const found = clusters.find(({ name }) => name === wanted);
  if (!found) {
    throw new CliError(
      `Trust has no cluster "${wanted}"${didYouMean(wanted, names)} (there are: ${names.join(", ")})`,
    );
  }
  return found;
}

import { stringify } from "yaml";
import { compileAws } from "../../policy/compile/aws/compile.ts";
import { compileIstio } from "../../policy/compile/istio/index.ts";
import { compileKubernetes } from "../../policy/compile/kubernetes/compile.ts";
import { compileProxy } from "../../policy/compile/proxy/compile.ts";
import type { Compiled } from "../../policy/compile/target.ts";
import { formatFinding } from "../../policy/finding.ts";
import { accessTable } from "../../policy/model/access.ts";
import type { Cluster, Model } from "../../policy/model/types.ts";

/** Everything one policy set compiles to, cluster by cluster, as one text that a person can read from top to bottom. */
export function compileAll(model: Model): string {
  return model.trust.spec.clusters.map((cluster) => inCluster(model, cluster)).join("\n");
}

function inCluster(model: Model, cluster: Cluster): string {
  const input = { model, cluster };
  const proxy = compileProxy(input);
  // The ConfigMap holds the configuration as one long line; it is shown once, under "proxy".
  const placeholders = new Map(proxy.targets.map(({ object }) => [object.shard, `see proxy ${object.name}`]));
  return [
    heading(`cluster ${cluster.name} (${cluster.dataPlane})`, "="),
    ...accessTable(model, cluster).map(
      (row) =>
        `# ${row.action} ${row.from} -> ${row.service}:${row.port} at ${row.point}, by ${row.grant}${row.conditions.map((condition) => `, ${condition}`).join("")}`,
    ),
    ...section("istio", compileIstio(input)),
    ...section("kubernetes", compileKubernetes(input, placeholders)),
    ...section("aws", compileAws(input)),
    ...section("proxy", proxy),
    "",
  ].join("\n");
}

function section(target: string, compiled: Compiled<unknown>): string[] {
  return [
    heading(target, "-"),
    ...compiled.findings.map((finding) => `# ${formatFinding(finding).replaceAll("\n", "\n# ")}`),
    ...compiled.targets.map(
      ({ key, owner, subject, causes, object }) =>
        `---\n# ${key} (${owner} ${subject})\n# because of ${causes.join(", ")}\n${stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 }).trimEnd()}`,
    ),
  ];
}

function heading(text: string, line: string): string {
  return `# ${line.repeat(8)} ${text} ${line.repeat(Math.max(8, 90 - text.length))}`;
}

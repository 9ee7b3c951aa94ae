import { type AuditReport, auditReport } from "../../policy/audit/index.ts";
import { PolicyError } from "../../policy/finding.ts";
import { readPolicyFiles } from "../../policy/load/files.ts";
import { loadModel } from "../../policy/load/index.ts";
import { editGrants } from "./edit-grant.ts";
import { historyOf } from "./history.ts";
import { logFiles } from "./log-files.ts";
import { observe } from "./observe.ts";
import { patchOf } from "./patch.ts";
import { type Control, controlsOf, type Standard } from "./standards.ts";
import type { Verification } from "./verification.ts";
import { verifyFiles } from "./verify-files.ts";

/** The report, and what was gathered around it. */
export interface FullReport extends AuditReport {
  readonly made: number;
  readonly standard: Standard;
  readonly controls: readonly Control[];
  readonly policies: readonly string[];
  readonly logs: readonly string[];
  readonly historyNote: string | undefined;
  readonly commits: number;
  /** Removes what is dormant; empty where nothing is. */
  readonly removal: string;
  readonly removalByHand: readonly string[];
  readonly integrity: Verification;
  /** Records do not carry the ages of certificates; said rather than left out. */
  readonly certificates: string;
}

export interface ReportRequest {
  readonly policies: readonly string[];
  readonly logs: readonly string[];
  readonly since: number;
  readonly until: number;
  readonly now: number;
  readonly standard: Standard;
}

/** @throws PolicyError when the present policies are not valid, CliError for logs that cannot be read */
export async function reportData(request: ReportRequest): Promise<FullReport> {
  const { policies, logs, since, until, now, standard } = request;
  const { files, findings } = readPolicyFiles(policies);
  if (findings.length > 0) throw new PolicyError(findings);
  const model = loadModel({ texts: files });
  const { snapshots, note } = historyOf(policies, model, since, now);
  const paths = logFiles(logs).filter((file) => !file.endsWith(".parquet"));
  const observations = await observe(model, logs, since, until);
  const report = auditReport(model, snapshots, observations, since, Math.min(until, now));
  const dormant = report.grants.flatMap(({ grant, state }) =>
    state === "dormant" && grant.spec.action === "allow"
      ? [{ type: "remove" as const, grant: grant.name }]
      : [],
  );
  const byHand: string[] = [];
  const changes = files.map(({ name, text }) => {
    const edited = editGrants(text, dormant);
    byHand.push(...edited.byHand);
    const left = edited.text
      .replace(/^\s*#.*$/gm, "")
      .replace(/^---\s*$/gm, "")
      .trim();
    return { name, before: text, after: left === "" ? undefined : edited.text };
  });
  return {
    ...report,
    made: now,
    standard,
    controls: controlsOf(standard),
    policies,
    logs: paths,
    historyNote: note,
    commits: snapshots.length,
    removal: patchOf(changes),
    removalByHand: byHand,
    integrity: await verifyFiles(paths, { partial: true }),
    certificates:
      "Records carry no ages of certificates. The proxy's own is in the metric portreeve_certificate_expiry_seconds; workloads' certificates are issued and renewed by istiod.",
  };
}

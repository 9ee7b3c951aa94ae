import type { Could, Did, GrantUse, LogPlace, ServiceReport } from "../../policy/audit/index.ts";
import type { Position } from "../../policy/finding.ts";
import { type Html, html } from "./html.ts";
import { printable } from "./printable.ts";
import type { FullReport } from "./report-data.ts";
import { STYLE } from "./report-style.ts";
import { isoMinute, latestOf } from "./report-text.ts";

/** Rows of one table on paper; all of them are in the JSON. */
const MAX_ROWS = 500;

/** One page without scripts, fonts or anything from elsewhere: it opens offline and prints. */
export function reportHtml(report: FullReport): string {
  const { services } = report;
  const body = html`<main>
${head(report)}
${summary(report)}
${report.controls.length > 0 ? controls(report) : html``}
<section id="could"><h2>By service: who could, who did, who was denied</h2>
${services.map((service) => serviceSection(service, report.commits > 1))}</section>
${dormant(report)}
${waivers(report)}
${integrity(report)}
<section><h2>Certificates</h2><p>${report.certificates}</p></section>
</main>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Access report ${isoMinute(report.since)} to ${isoMinute(report.until)}</title><style>${STYLE}</style></head>
<body>${body.html}</body></html>
`;
}

function head({ since, until, made, policies, logs, digest, observations, historyNote }: FullReport): Html {
  const { covers } = observations;
  const late = covers === undefined || covers.from > since;
  return html`<header><h1>Who could touch which port, and who did</h1>
<dl>
<div><dt>Period</dt><dd>${isoMinute(since)} to ${isoMinute(until)}</dd></div>
<div><dt>Made</dt><dd>${isoMinute(made)}</dd></div>
<div><dt>Policies</dt><dd><code>${policies.join(" ")}</code>, <code>${digest.slice(0, 23)}…</code></dd></div>
<div><dt>Records</dt><dd>${observations.records.toLocaleString("en")} in ${logs.length} ${logs.length === 1 ? "file" : "files"}${covers ? html`, which reach from ${isoMinute(covers.from)} to ${isoMinute(covers.to)}` : html``}</dd></div>
</dl>
${late ? html`<p class="warn">The records do not reach back to the beginning of the period: what is not here may have happened all the same.</p>` : html``}
${historyNote === undefined ? html`` : html`<p class="warn">${sentence(historyNote)}</p>`}
${observations.lost + observations.unreadable + observations.beyond > 0 ? html`<p class="warn">${observations.lost} records were lost by the proxy, ${observations.unreadable} lines cannot be read, ${observations.beyond} records were too many different ones to keep apart.</p>` : html``}
</header>`;
}

function summary({ services, grants, waivers, observations }: FullReport): Html {
  const sum = (rows: readonly Did[]): number => rows.reduce((total, { count }) => total + count, 0);
  return html`<section><h2>Summary</h2><table><thead><tr><th>Service</th><th class="n">Could reach</th><th class="n">Did</th><th class="n">Connections</th><th class="n">Denied</th><th>Last</th></tr></thead><tbody>
${services.map(
  ({ name, could, did, denied, unseen }) =>
    html`<tr><td><a href="#service-${name}">${name}</a></td><td class="n">${could.filter(({ row, until }) => row.action === "allow" && until === undefined).length}</td><td class="n">${new Set(did.map(({ who }) => who)).size}</td><td class="n">${sum(did).toLocaleString("en")}</td><td class="n">${sum(denied).toLocaleString("en")}</td><td>${did.length === 0 ? (unseen === undefined ? "never" : "not seen by the proxy") : isoMinute(latestOf(did))}</td></tr>`,
)}</tbody></table>
<p>${observations.unattributed.toLocaleString("en")} connections ended before they said what they wanted, such as a failed handshake; they are of no service. ${grants.filter(({ state }) => state === "dormant").length} grants were never used; ${waivers.filter(({ expired }) => expired).length} of ${waivers.length} waivers have expired.</p></section>`;
}

function controls({ standard, controls: all }: FullReport): Html {
  const name = standard === "soc2" ? "SOC 2 (Trust Services Criteria)" : "PCI DSS 4.0.1";
  return html`<section><h2>${name}</h2><p>What this report is evidence for. Whether a control is met is for the assessor to say.</p>
<table><thead><tr><th>Control</th><th>Asks that</th><th>See</th></tr></thead><tbody>
${all.map(({ id, asks, part }) => html`<tr><td>${id}</td><td>${asks}</td><td><a href="#${part === "did" || part === "denied" ? "could" : part}">${PARTS[part]}</a></td></tr>`)}</tbody></table></section>`;
}

const PARTS = {
  could: "Could reach",
  did: "Did",
  denied: "Denied",
  dormant: "Grants and their use",
  waivers: "Waivers",
  integrity: "Integrity of the records",
} as const;

function serviceSection(
  { name, owner, ports, position, could, did, denied, unseen }: ServiceReport,
  history: boolean,
): Html {
  return html`<article id="service-${name}"><h3>${name} <small>${ports.join(", ")}${owner === undefined ? "" : ` · ${owner}`} ${position ? at(position) : html`<span class="warn">not in the policies</span>`}</small></h3>
${table(
  "Could reach",
  ["Who", "Port", "Where", "Conditions", "In force", "Grant"],
  could.map((one) => couldRow(one, history)),
  "Nobody: no grant.",
)}
${table(
  "Did",
  ["Who", "Port", "Connections", "Bytes", "Last", "By", "Record"],
  did.map((one) => didRow(one, true)),
  "Nobody whom the proxy saw.",
)}
${
  denied.length === 0
    ? html``
    : table(
        "Denied",
        ["Who", "Port", "Attempts", "Last", "Why", "Record"],
        denied.map((one) => didRow(one, false)),
        "",
      )
}
${unseen === undefined ? html`` : html`<p class="warn">The records do not show everybody: ${unseen}.</p>`}
</article>`;
}

function table(title: string, columns: readonly string[], rows: readonly Html[], none: string): Html {
  if (rows.length === 0) return html`<h4>${title}</h4><p class="none">${none}</p>`;
  const more = rows.length - MAX_ROWS;
  return html`<h4>${title}</h4><table><thead><tr>${columns.map((column) => html`<th${NUMBERS.has(column) ? html` class="n"` : html``}>${column}</th>`)}</tr></thead><tbody>${rows.slice(0, MAX_ROWS)}</tbody></table>${more > 0 ? html`<p class="warn">and ${more} more rows, which are in the JSON</p>` : html``}`;
}

const NUMBERS = new Set(["Port", "Connections", "Bytes", "Attempts", "Used"]);

function couldRow({ row, from, until }: Could, history: boolean): Html {
  const began =
    from === undefined
      ? history
        ? "before the period"
        : "a time that is not known"
      : `${isoMinute(from.time)} (${short(from.commit)})`;
  const force =
    until === undefined
      ? `since ${began}`
      : `${began} until ${isoMinute(until.time)} (${short(until.commit)})`;
  const deny = row.action === "deny" ? html`<strong>must not: </strong>` : html``;
  return html`<tr${until === undefined ? html`` : html` class="past"`}><td>${deny}${row.from}</td><td class="n">${row.port}</td><td>${row.point}</td><td>${row.conditions.join("; ") || "none"}</td><td>${force}</td><td>${row.grant} ${until === undefined ? at(row.position) : html``}</td></tr>`;
}

function didRow(
  { who, port, count, bytes, last, rules, reason, position, lastAt }: Did,
  allowed: boolean,
): Html {
  const by = rules.length === 0 ? html`-` : html`${rules.join(", ")} ${at(position)}`;
  return allowed
    ? html`<tr><td>${printable(who)}</td><td class="n">${port}</td><td class="n">${count.toLocaleString("en")}</td><td class="n">${bytesText(bytes)}</td><td class="t">${isoMinute(last)}</td><td>${by}</td><td>${place(lastAt)}</td></tr>`
    : html`<tr><td>${printable(who)}</td><td class="n">${port}</td><td class="n">${count.toLocaleString("en")}</td><td class="t">${isoMinute(last)}</td><td>${reason}${rules.length === 0 ? html`` : html` by ${by}`}</td><td>${place(lastAt)}</td></tr>`;
}

function dormant({ grants, removal, removalByHand }: FullReport): Html {
  const order = ["dormant", "unknown", "not-recorded", "used"] as const;
  const rows = [...grants]
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
    .map((use) => useRow(use));
  return html`<section id="dormant"><h2>Grants and their use</h2>
${table("", ["Grant", "State", "Used", "Last", "Owner", "Why"], rows, "There is no grant.")}
${removal === "" ? html`` : html`<h4>To take the unused ones away</h4><p>Apply with <code>git apply</code>, and ask their owners in the pull request.</p><pre>${removal}</pre>`}
${removalByHand.length === 0 ? html`` : html`<p>By hand: ${removalByHand.join(", ")}</p>`}</section>`;
}

const STATES = {
  used: "used",
  dormant: "never used",
  unknown: "not known",
  "not-recorded": "not recorded",
} as const;

function useRow({ grant, state, count, last, lastAt, why }: GrantUse): Html {
  return html`<tr class="${state}"><td>${grant.name} ${at(grant.position)}</td><td>${STATES[state]}</td><td class="n">${count.toLocaleString("en")}</td><td>${last === undefined ? "-" : html`${isoMinute(last)} ${lastAt ? place(lastAt) : html``}`}</td><td>${grant.spec.owner ?? "-"}</td><td>${why ?? ""}</td></tr>`;
}

function waivers({ waivers: all }: FullReport): Html {
  const rows = all.map(
    ({ name, rule, scope, owner, reason, expires, expired, position }) =>
      html`<tr class="${expired ? "dormant" : ""}"><td>${name} ${at(position)}</td><td>${rule}</td><td>${scope.join(", ")}</td><td>${owner}</td><td>${reason}</td><td>${expires}${expired ? html` <strong>expired</strong>` : html``}</td></tr>`,
  );
  return html`<section id="waivers"><h2>Waivers</h2>${table("", ["Waiver", "Rule", "Scope", "Owner", "Reason", "Ends"], rows, "None: no breach of a guardrail is accepted.")}</section>`;
}

function integrity({ integrity: { problems, more, chains, lines } }: FullReport): Html {
  const verdict =
    problems.length === 0
      ? html`<p>${lines.toLocaleString("en")} lines in ${chains.length} chains: nothing was changed, removed, reordered or inserted. Signatures were not checked here: <code>portreeve audit verify --key</code> does.</p>`
      : html`<p class="warn">${problems.length + more} problems.</p>${table(
          "",
          ["Where", "What"],
          problems.map(
            ({ file, line, message }) =>
              html`<tr><td>${place({ file, line })}</td><td>${printable(message)}</td></tr>`,
          ),
          "",
        )}`;
  const open = chains.filter(({ closed }) => !closed).length;
  return html`<section id="integrity"><h2>Integrity of the records</h2>${verdict}${open > 0 ? html`<p>${open} chains are open: whether lines were cut off their ends these files cannot tell.</p>` : html``}</section>`;
}

function at(position: Position | undefined): Html {
  return position ? html`<code>${position.file}:${position.line}</code>` : html``;
}

function place({ file, line }: LogPlace): Html {
  return html`<code>${file}:${line}</code>`;
}

function short(commit: string): string {
  return /^[0-9a-f]{40,64}$/.test(commit) ? commit.slice(0, 10) : commit;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const unit = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1_000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

/** The report's look, on a screen and on paper. State is said in words; colour only repeats it. */
export const STYLE = `
:root { color-scheme: light; --line: #d5d9e0; --dim: #5a6372; --head: #f4f6f9; }
body { font: 14px/1.45 system-ui, "Segoe UI", "Liberation Sans", sans-serif; color: #1b2430; margin: 0; background: #fff; }
main { max-width: 1120px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 12px; } h2 { font-size: 19px; margin: 32px 0 8px; border-bottom: 2px solid #1b2430; padding-bottom: 4px; }
h3 { font-size: 16px; margin: 24px 0 4px; } h3 small { font-weight: normal; color: var(--dim); font-size: 13px; }
h4 { font-size: 13px; margin: 12px 0 4px; color: var(--dim); }
dl { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 24px; margin: 0; } dl div { display: flex; gap: 8px; } dt { color: var(--dim); min-width: 64px; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: 4px 8px; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
td:first-child { overflow-wrap: anywhere; min-width: 150px; } td:last-child { min-width: 140px; }
th { background: var(--head); font-size: 12px; font-weight: 600; white-space: nowrap; } .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .t { white-space: nowrap; }
code { font: 12px/1.4 ui-monospace, "Liberation Mono", monospace; color: var(--dim); overflow-wrap: anywhere; }
pre { font: 12px/1.4 ui-monospace, "Liberation Mono", monospace; background: var(--head); border: 1px solid var(--line); padding: 12px; white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: #0b4fb3; } .none { color: var(--dim); margin: 0; } .past td { color: var(--dim); }
.warn { border-left: 4px solid #b45309; background: #fff7ed; padding: 6px 10px; margin: 8px 0; } h3 .warn { padding: 0 6px; }
tr.dormant td:nth-child(2) { font-weight: 600; color: #9a3412; }
@media print { main { max-width: none; padding: 0; } body { font-size: 10pt; } thead { display: table-header-group; } tr, h3, h4 { break-inside: avoid; } h2, h3, h4 { break-after: avoid; } a { color: inherit; text-decoration: none; } th, .warn, pre { -webkit-print-color-adjust: exact; print-color-adjust: exact; } @page { margin: 15mm; size: A4 landscape; } }
`;

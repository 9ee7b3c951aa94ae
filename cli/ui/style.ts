/** What the page has beyond that of a graph alone. */
export const UI_STYLE = `
body{display:flex;flex-direction:column;min-height:100vh}
.top{display:flex;flex-wrap:wrap;gap:4px 20px;align-items:baseline}.top h1{margin:0}.quiet{color:#59636e;margin:0;overflow-wrap:anywhere}
nav{display:flex;gap:4px;margin-top:8px}nav button{border:1px solid transparent;border-bottom:2px solid transparent;background:none;color:inherit;padding:5px 12px;cursor:pointer;border-radius:6px 6px 0 0}
nav button:hover{background:#f6f8fa}nav button[aria-selected=true]{border-bottom-color:#0969da;font-weight:600}
nav button:focus-visible,td button:focus-visible,input:focus-visible{outline:2px solid #0969da;outline-offset:-2px}
.count{display:inline-block;min-width:1.4em;padding:0 5px;margin-left:4px;border-radius:9px;background:#eceff2;color:#1f2328;font-size:12px;font-weight:400;text-align:center}
#problems{margin:0;padding:0 16px;background:#ffebe9;color:#82071e}#problems:not(:empty){padding:8px 16px;border-bottom:1px solid #ff8182}#problems div{overflow-wrap:anywhere}
section{padding:8px 0}section[hidden]{display:none}section>.controls,section>p,section>.scroll,section>pre{margin:6px 16px}section>h2,section>#status,section>.quiet{margin:6px 16px}
.scroll{overflow-x:auto}.scroll table{width:100%;margin:0}td,th{white-space:nowrap}
:is(#live-table :is(td,th):is(:nth-child(3),:nth-child(6),:nth-child(7)),#refused-table :is(td,th):nth-child(4)){text-align:right}
td,pre{font-family:ui-monospace,Consolas,monospace;font-size:12.5px}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0 8px;padding:8px 12px;background:#f6f8fa;border-radius:6px}
td button{border:1px solid #d1d9e0;border-radius:6px;background:none;color:inherit;padding:1px 8px;cursor:pointer}td a{color:#0969da}
.empty{padding:28px 16px;color:#59636e}.stale tbody{opacity:.5}
@media (prefers-color-scheme:dark){.quiet,.empty{color:#9198a1}nav button:hover,pre{background:#151b23}nav button[aria-selected=true]{border-bottom-color:#4493f8}
.count{background:#2d333b;color:#f0f6fc}#problems{background:#3c1518;color:#ffb3ad}#problems:not(:empty){border-color:#8e1519}td button{border-color:#3d444d}td a{color:#4493f8}
nav button:focus-visible,td button:focus-visible,input:focus-visible{outline-color:#4493f8}}
@media print{nav{display:none}}
`;

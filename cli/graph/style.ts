/** Colours and lines of a drawing, light and dark. Added and removed differ by line and sign as well as by colour. */
export const DRAWING_STYLE = `
.node rect{fill:#f6f8fa;stroke:#59636e;stroke-width:1.2}
.node text{font:12px ui-monospace,Consolas,monospace;fill:#1f2328}
.node .inner{fill:none}.node .bar{fill:#59636e;stroke:none}
.node.person rect,.node.agent rect{fill:#eef4ff}.node.addresses rect{fill:#fff8e6}.node.group rect{fill:#eceff2}
.edge path{fill:none;stroke:#818b98;stroke-width:1.1}
.edge .label{font:11px ui-monospace,Consolas,monospace;fill:#59636e}.under{fill:#fff}
.edge.gained path{stroke:#1a7f37;stroke-width:2.4}.edge.gained text{fill:#1a7f37;font-weight:bold}
.edge.lost path{stroke:#cf222e;stroke-width:2;stroke-dasharray:7 4}.edge.lost text{fill:#cf222e;font-weight:bold}
.edge.changed path{stroke:#9a6700;stroke-width:2;stroke-dasharray:9 3 2 3}.edge.changed text{fill:#9a6700;font-weight:bold}
marker path{stroke:none}#to-same path{fill:#818b98}#to-gained path{fill:#1a7f37}#to-lost path{fill:#cf222e}#to-changed path{fill:#9a6700}
.legend text,.title{font:13px system-ui,sans-serif;fill:#1f2328}.paper{fill:#fff}
@media (prefers-color-scheme:dark){
.node rect{fill:#212830;stroke:#9198a1}.node text,.legend text,.title{fill:#f0f6fc}.node .bar{fill:#9198a1}
.node.person rect,.node.agent rect{fill:#1b2a45}.node.addresses rect{fill:#342a12}.node.group rect{fill:#2d333b}
.node .inner{fill:none}
.edge path{stroke:#656c76}.edge .label{fill:#9198a1}.under{fill:#0d1117}
.edge.gained path{stroke:#3fb950}.edge.gained text{fill:#3fb950}
.edge.lost path{stroke:#f85149}.edge.lost text{fill:#f85149}
.edge.changed path{stroke:#d29922}.edge.changed text{fill:#d29922}
#to-same path{fill:#656c76}#to-gained path{fill:#3fb950}#to-lost path{fill:#f85149}#to-changed path{fill:#d29922}
.paper{fill:#0d1117}}
`;

/** Arrow heads, one for each state: a marker does not take its line's colour in all browsers. */
export const MARKERS = `<defs>${["same", "gained", "lost", "changed"]
  .map(
    (state) =>
      `<marker id="to-${state}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>`,
  )
  .join("")}</defs>`;

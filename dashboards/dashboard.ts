import { PANELS, type PanelInput } from "./panels.ts";

/** A Grafana dashboard as plain data; see https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
export type Dashboard = Readonly<Record<string, unknown>>;

/** The dashboard of the proxy, for any Grafana from version 10 with a Prometheus data source. */
export function accessDashboard(): Dashboard {
  let [x, y, row] = [0, 0, 0];
  const panels = PANELS.map((panel, index) => {
    if (x + panel.width > 24) [x, y, row] = [0, y + row, 0];
    const gridPos = { x, y, w: panel.width, h: panel.height };
    x += panel.width;
    row = Math.max(row, panel.height);
    return toPanel(panel, index + 1, gridPos);
  });
  return {
    uid: "portreeve-access",
    title: "Portreeve: access",
    description:
      "Who touches which port through the Portreeve proxy, who is refused, and how the proxy fares.",
    tags: ["portreeve"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    time: { from: "now-6h", to: "now" },
    refresh: "1m",
    templating: { list: [source(), label("namespace", ""), label("pod", ', namespace=~"$namespace"')] },
    panels,
  };
}

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

function source(): object {
  return { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" };
}

function label(name: string, within: string): object {
  const query = `label_values(portreeve_connections_live{${within.replace(/^, /, "")}}, ${name})`;
  return {
    name,
    type: "query",
    datasource: DATASOURCE,
    query: { query, refId: name },
    refresh: 2,
    includeAll: true,
    allValue: ".*",
    multi: true,
    current: { text: "All", value: "$__all" },
  };
}

function toPanel(panel: PanelInput, id: number, gridPos: object): object {
  const { title, what, type, unit, queries, red, redBelow } = panel;
  const steps =
    red !== undefined
      ? [
          { color: "green", value: null },
          { color: "red", value: red },
        ]
      : redBelow !== undefined
        ? [
            { color: "red", value: null },
            { color: "green", value: redBelow },
          ]
        : [{ color: "blue", value: null }];
  return {
    id,
    title,
    description: what,
    type,
    gridPos,
    datasource: DATASOURCE,
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        thresholds: { mode: "absolute", steps },
        color: { mode: type === "stat" ? "thresholds" : "palette-classic" },
      },
      overrides: [],
    },
    options:
      type === "stat"
        ? { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "value", graphMode: "area" }
        : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
  };
}

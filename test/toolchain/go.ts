/** Recipes for programs that are built from pinned Go modules (`go/<lock>/go.mod` and `go.sum`). */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { atLeast, onPath, output, versionIn } from "./machine.ts";
import type { Found, Recipe } from "./part.ts";
import { run } from "./run.ts";

const MINIMUM_GO = "1.21";

export interface GoProgram {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** Folder under `go/` that holds go.mod and go.sum. */
  readonly lock: string;
  /** Import path of the main package, or a `./folder` of our own beside the lock files. */
  readonly package: string;
  readonly tags?: readonly string[];
  /** Variables set at link time (`-X`), mostly the version a program says it has. */
  readonly stamp?: Readonly<Record<string, string>>;
  /** Built with the C compiler of the machine. @default false */
  readonly cgo?: boolean;
  readonly cost: Recipe["cost"];
  readonly find?: () => Found | undefined;
}

export function goProgram(program: GoProgram): Recipe {
  const module = join(import.meta.dirname, "go", program.lock);
  const stamps = Object.entries(program.stamp ?? {}).map(([variable, value]) => `-X ${variable}=${value}`);
  const flags = [
    "-trimpath",
    "-buildvcs=false",
    "-mod=readonly",
    `-tags=${(program.tags ?? []).join(",")}`,
    `-ldflags=${["-s", "-w", ...stamps].join(" ")}`,
  ];
  const main = `bin/${program.name}`;
  const ours = program.package.startsWith("./");
  return {
    name: program.name,
    title: program.title,
    version: program.version,
    source: ours
      ? `own Go program (go/${program.lock}/${program.package.slice(2)})`
      : `Go module ${program.package}`,
    main,
    cost: program.cost,
    lock: [join(module, "go.mod"), join(module, "go.sum"), ...(ours ? [join(module, program.package)] : [])],
    fingerprint: () => [program.package, ...flags].join(" "),
    ...(program.find === undefined ? {} : { find: program.find }),
    blocked: goBlocked,
    make: async (into, report) => {
      const out = join(into, main);
      mkdirSync(dirname(out), { recursive: true });
      await run("go", ["build", ...flags, "-o", out, program.package], {
        cwd: module,
        // No C compiler needed, and the same binary on every machine; the user's own GOFLAGS must not change it.
        env: { CGO_ENABLED: program.cgo ? "1" : "0", GOFLAGS: "", GOWORK: "off" },
        onLine: report,
      });
    },
  };
}

function goBlocked(): string | undefined {
  if (onPath("go") === undefined) {
    return `needs Go ${MINIMUM_GO} or newer (which fetches the release that the lock file names): install it from your distribution or https://go.dev/dl/`;
  }
  const have = versionIn(output("go", ["env", "GOVERSION"]));
  if (have === undefined || !atLeast(have, MINIMUM_GO)) {
    return `needs Go ${MINIMUM_GO} or newer; \`go\` on PATH is ${have ?? "of unknown version"}`;
  }
  return undefined;
}

/** The folder of a module's sources, downloaded when it is not there; the lock file decides the version. */
export async function goModuleFolder(lock: string, module: string): Promise<string> {
  const printed = await run("go", ["mod", "download", "-json", module], {
    cwd: join(import.meta.dirname, "go", lock),
    env: { GOFLAGS: "", GOWORK: "off" },
  });
  const answer: unknown = JSON.parse(printed);
  if (answer !== null && typeof answer === "object" && "Dir" in answer && typeof answer.Dir === "string")
    return answer.Dir;
  throw new Error(`go mod download ${module} did not say where it put the module: ${printed}`);
}

/** A program built from its own module alone, as `go install package@version` does it. */
export function goInstalled(
  program: Pick<GoProgram, "name" | "title" | "version" | "package" | "cost">,
): Recipe {
  const main = `bin/${program.name}`;
  return {
    name: program.name,
    title: program.title,
    version: program.version,
    source: `Go module ${program.package}`,
    main,
    cost: program.cost,
    lock: [],
    fingerprint: () => program.package,
    blocked: goBlocked,
    make: async (into, report) => {
      await run("go", ["install", "-trimpath", "-ldflags=-s -w", `${program.package}@v${program.version}`], {
        cwd: into,
        env: { CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off", GOBIN: join(into, "bin") },
        onLine: report,
      });
    },
  };
}

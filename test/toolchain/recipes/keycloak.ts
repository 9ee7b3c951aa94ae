import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onPath } from "../machine.ts";
import type { Recipe } from "../part.ts";
import { run } from "../run.ts";

const VERSION = "26.5.6";

/** An identity provider as estates run it. The embedded one serves all other tests: this one is large, and slow to start. */
export const keycloak: Recipe = {
  name: "keycloak",
  title: "Identity provider (Keycloak)",
  version: VERSION,
  source: "Maven Central org.keycloak:keycloak-quarkus-dist",
  main: "bin/kc.sh",
  cost: { seconds: 60, megabytes: 175 },
  lock: [],
  fingerprint: () => "zip",
  blocked: () => {
    const missing = ["java", "mvn", "python3"].filter((command) => onPath(command) === undefined);
    return missing.length === 0
      ? undefined
      : `needs ${missing.join(", ")} (Debian: default-jre-headless, maven, python3)`;
  },
  make: async (into, report) => {
    const work = mkdtempSync(join(tmpdir(), "portreeve-keycloak-"));
    try {
      report("downloading 165 MB");
      const repository = join(work, "repository");
      const artifact = `org.keycloak:keycloak-quarkus-dist:${VERSION}:zip`;
      await run(
        "mvn",
        [
          "-q",
          "-B",
          "dependency:get",
          `-Dartifact=${artifact}`,
          "-Dtransitive=false",
          `-Dmaven.repo.local=${repository}`,
        ],
        { cwd: work },
      );
      const folder = join(repository, "org/keycloak/keycloak-quarkus-dist", VERSION);
      await run("python3", [
        "-m",
        "zipfile",
        "-e",
        join(folder, `keycloak-quarkus-dist-${VERSION}.zip`),
        work,
      ]);
      for (const name of ["bin", "conf", "lib", "providers", "themes", "version.txt", "LICENSE.txt"]) {
        renameSync(join(work, `keycloak-${VERSION}`, name), join(into, name));
      }
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  },
};

import { dirname } from "node:path";
import { goProgram } from "../go.ts";
import { atLeast, onPath, output, versionIn } from "../machine.ts";
import type { Found } from "../part.ts";

/** The oldest CLI that the peer range of `@pulumi/pulumi` in package.json works with. */
const OLDEST = "3.250.0";

/** A `pulumi` on PATH that is new enough. */
export function pulumiOnPath(): Found | undefined {
  const path = onPath("pulumi");
  const version = path === undefined ? undefined : versionIn(output(path, ["version"]));
  return path && version && atLeast(version, OLDEST) ? { path, version } : undefined;
}

/** A plugin that was installed beside that `pulumi`, as Pulumi's own installer does it. */
export function besidePulumi(command: string): Found | undefined {
  const cli = pulumiOnPath();
  const path = cli === undefined ? undefined : onPath(command, [dirname(cli.path)]);
  return cli && path ? { path, version: cli.version } : undefined;
}

export const pulumi = goProgram({
  name: "pulumi",
  title: "Pulumi CLI and engine",
  version: "3.259.0",
  lock: "pulumi",
  package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
  stamp: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v3.259.0" },
  cost: { seconds: 250, megabytes: 115 },
  find: pulumiOnPath,
});

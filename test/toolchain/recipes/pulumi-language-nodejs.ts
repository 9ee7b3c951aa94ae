import { goProgram } from "../go.ts";
import { besidePulumi } from "./pulumi.ts";

/** The newest host that is published as a module of its own. It runs programs; it ignores `runtime.options`. */
export const pulumiLanguageNodejs = goProgram({
  name: "pulumi-language-nodejs",
  title: "Pulumi language host for Node",
  version: "3.68.0",
  lock: "language-nodejs",
  package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
  stamp: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v3.68.0" },
  cost: { seconds: 40, megabytes: 18 },
  find: () => besidePulumi("pulumi-language-nodejs"),
});

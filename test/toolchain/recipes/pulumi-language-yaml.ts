import { goProgram } from "../go.ts";
import { besidePulumi } from "./pulumi.ts";

export const pulumiLanguageYaml = goProgram({
  name: "pulumi-language-yaml",
  title: "Pulumi language host for YAML",
  version: "1.32.0",
  lock: "language-yaml",
  package: "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
  stamp: { "github.com/pulumi/pulumi-yaml/pkg/version.Version": "v1.32.0" },
  cost: { seconds: 60, megabytes: 37 },
  find: () => besidePulumi("pulumi-language-yaml"),
});

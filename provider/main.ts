#!/usr/bin/env node
/** The provider plugin that offers the component to programs in every Pulumi language; see PulumiPlugin.yaml. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { main } from "@pulumi/pulumi/provider/index.js";
import { construct } from "./construct.ts";
import { packageSchema } from "./schema.ts";

const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
const version =
  typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "0.0.0";

void main({ version, getSchema: async () => packageSchema(version), construct }, process.argv.slice(2));

#!/usr/bin/env node
import "./node-version.ts";
import { run } from "./program.ts";

process.exitCode = await run(process.argv.slice(2));

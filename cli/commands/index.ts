import type { Register } from "../register.ts";
import { registerAccess } from "./access.ts";
import { registerCompletion } from "./completion.ts";
import { registerDecide } from "./decide.ts";
import { registerDiff } from "./diff.ts";
import { registerDrift } from "./drift.ts";
import { registerExplain } from "./explain.ts";
import { registerImport } from "./import.ts";
import { registerInit } from "./init.ts";
import { registerLint } from "./lint.ts";
import { registerProxy } from "./proxy.ts";
import { registerReach } from "./reach.ts";
import { registerRender } from "./render.ts";
import { registerSchema } from "./schema.ts";
import { registerTest } from "./test.ts";
import { registerValidate } from "./validate.ts";

export const registrations: readonly Register[] = [
  registerAccess,
  registerCompletion,
  registerDecide,
  registerDiff,
  registerDrift,
  registerExplain,
  registerImport,
  registerInit,
  registerLint,
  registerProxy,
  registerReach,
  registerRender,
  registerSchema,
  registerTest,
  registerValidate,
];

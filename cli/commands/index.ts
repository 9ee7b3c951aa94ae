import type { Register } from "../register.ts";
import { registerAccess } from "./access.ts";
import { registerAudit } from "./audit.ts";
import { registerComment } from "./comment.ts";
import { registerCompletion } from "./completion.ts";
import { registerConnect } from "./connect.ts";
import { registerDecide } from "./decide.ts";
import { registerDiff } from "./diff.ts";
import { registerDrift } from "./drift.ts";
import { registerExplain } from "./explain.ts";
import { registerImport } from "./import.ts";
import { registerInit } from "./init.ts";
import { registerLint } from "./lint.ts";
import { registerLogin } from "./login.ts";
import { registerLogout } from "./logout.ts";
import { registerLs } from "./ls.ts";
import { registerMcp } from "./mcp.ts";
import { registerProxy } from "./proxy.ts";
import { registerReach } from "./reach.ts";
import { registerRender } from "./render.ts";
import { registerRequest } from "./request.ts";
import { registerRevoke } from "./revoke.ts";
import { registerSchema } from "./schema.ts";
import { registerStatus } from "./status.ts";
import { registerTest } from "./test.ts";
import { registerUi } from "./ui.ts";
import { registerValidate } from "./validate.ts";
import { registerWatch } from "./watch.ts";

export const registrations: readonly Register[] = [
  registerAccess,
  registerComment,
  registerAudit,
  registerCompletion,
  registerConnect,
  registerDecide,
  registerDiff,
  registerDrift,
  registerExplain,
  registerImport,
  registerInit,
  registerLint,
  registerLogin,
  registerLogout,
  registerLs,
  registerMcp,
  registerProxy,
  registerReach,
  registerRender,
  registerRequest,
  registerRevoke,
  registerSchema,
  registerStatus,
  registerTest,
  registerUi,
  registerValidate,
  registerWatch,
];

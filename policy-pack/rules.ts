import type { PackRule } from "./rule.ts";
import { anybody } from "./rules/anybody.ts";
import { wideCidr } from "./rules/cidrs.ts";
import { addressCollision, hostCollision } from "./rules/collisions.ts";
import { catchAllResolution, exportToAll, wildcardHost } from "./rules/hosts.ts";
import { trustRules, widePermission } from "./rules/iam.ts";
import { plaintext } from "./rules/plaintext.ts";
import { refused } from "./rules/refused.ts";
import { everyPort } from "./rules/security-group.ts";
import { serverFirst } from "./rules/server-first.ts";

/**
 * The guardrails that a stack's resources alone can be held to, in the order of their ids. Those about people, agents,
 * grants and waivers need the policy documents; the components and `portreeve lint` hold them.
 */
export const packRules: readonly PackRule[] = [
  wildcardHost,
  wideCidr,
  exportToAll,
  serverFirst,
  hostCollision,
  addressCollision,
  catchAllResolution,
  plaintext,
  refused,
  anybody,
  everyPort,
  ...trustRules,
  widePermission,
];

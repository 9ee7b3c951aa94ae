import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diffAccess, sideOfModel } from "../../policy/diff/index.ts";
import { type Finding, formatFinding } from "../../policy/finding.ts";
import { readPolicyFiles } from "../../policy/load/files.ts";
import { loadModel } from "../../policy/load/index.ts";
import type { Model } from "../../policy/model/types.ts";
import { duration, milliseconds } from "../../policy/schema/primitives.ts";
import { diffText } from "../diff/text.ts";
import { CliError } from "../exit.ts";
import { lintPolicies } from "../lint.ts";
import { isOrdinary } from "../lint-mesh.ts";
import { type Beneficiary, type RequestFile, requestFile } from "./documents.ts";

export interface RequestOptions {
  readonly service: string;
  readonly port: number | undefined;
  /** As written: `1h`, `30m`. */
  readonly duration: string;
  readonly reason: string;
  readonly dir: string;
  readonly who: Beneficiary;
  readonly owner: string | undefined;
  readonly ticket: string | undefined;
  readonly dryRun: boolean;
}

const MINUTE = 60_000;

/**
 * Writes a grant that ends by itself, for a pull request, after checking the folder as it will be with it.
 *
 * @param now epoch milliseconds
 * @returns what to show: the file, the change in access, what to do next
 * @throws CliError when the request could not pass, and then nothing is written
 */
export function writeRequest(options: RequestOptions, now: number, color: boolean): string {
  const texts = policyTexts(options.dir);
  const before = loadModel({ texts });
  const { service, port, who, reason, ticket, owner } = options;
  checkService(before, service, port);
  const expires = endOf(options.duration, now);
  const group = who.type === "user" ? groupOfOne(before, who.user) : undefined;
  const request = requestFile({ service, port, who, expires, reason, ticket, owner }, group);
  const path = join(options.dir, `${request.name}.yaml`);
  if (existsSync(path)) throw new CliError(`request: ${path} is there already: the same was asked before`);
  const after = [...texts, { name: path, text: request.text }];
  refuseNewErrors(texts, after, now);
  const diff = diffAccess(sideOfModel(before), sideOfModel(loadModel({ texts: after })), {
    now,
    expand: false,
  });
  if (diff.changes.length === 0) {
    throw new CliError(
      `request: nothing would change: ${nameOf(who)} may reach ${service} already (portreeve access ${options.dir})`,
    );
  }
  const change = diffText({ base: options.dir, head: path, diff, unacknowledged: undefined }, color);
  if (options.dryRun) return `${request.text}\n${change}`;
  writeFileSync(path, request.text, { flag: "wx" });
  return `wrote ${path}\n\n${change}\n${nextSteps(path, request, service, expires)}`;
}

/** The policies of a folder, without the ordinary Kubernetes objects that may lie beside them. */
function policyTexts(dir: string): { readonly name: string; readonly text: string }[] {
  const there = statSync(dir, { throwIfNoEntry: false });
  if (!there) {
    throw new CliError(
      `request: there is no folder ${dir}. A request is a file among the policies: run this in a clone of their repository, or name their folder with --dir`,
    );
  }
  if (there.isFile()) {
    throw new CliError(
      `request: --dir ${dir} is a file; name the folder, because the request is a file of its own`,
    );
  }
  const { files, findings } = readPolicyFiles([dir]);
  if (findings.some(({ severity }) => severity === "error"))
    throw new CliError(findings.map(formatFinding).join("\n"));
  const policies = files.filter((file) => !isOrdinary(file));
  if (policies.length === 0)
    throw new CliError(`request: ${dir} holds no policies; name their folder with --dir`);
  return policies;
}

function checkService(model: Model, name: string, port: number | undefined): void {
  const service = model.services.get(name);
  if (!service)
    throw new CliError(
      `request: the policies have no service "${name}"; there is ${[...model.services.keys()].join(", ")}`,
    );
  if (port === undefined || service.ports.some((one) => one.port === port)) return;
  throw new CliError(
    `request: ${name} has no port ${port}; it has ${service.ports.map((one) => one.port).join(", ")}`,
  );
}

/** On a full minute, and never earlier than asked: a reviewer reads it. */
function endOf(text: string, now: number): string {
  if (!duration.safeParse(text).success)
    throw new CliError(`request: --for "${text}": write a time such as 30m, 1h or 8h`);
  const end = Math.ceil((now + milliseconds(text)) / MINUTE) * MINUTE;
  return new Date(end).toISOString().replace(".000Z", "Z");
}

/** The group that holds this person and nobody else. */
function groupOfOne({ groups }: Model, user: string): string | undefined {
  for (const group of groups.values()) {
    const { idpGroups, users, awsRoles, workloads, agents } = group;
    const others = idpGroups.length + awsRoles.length + workloads.length + agents.length;
    if (others === 0 && users.length === 1 && users[0] === user) return group.name;
  }
  return undefined;
}

/** What was wrong before is for others to mend; what the request adds would stop its own pull request. */
function refuseNewErrors(before: Texts, after: Texts, now: number): void {
  const known = new Set(errorsOf(before, now).map(keyOf));
  const added = errorsOf(after, now).filter((finding) => !known.has(keyOf(finding)));
  if (added.length === 0) return;
  throw new CliError(
    `request: not written, because lint refuses it:\n${added.map(formatFinding).join("\n")}`,
  );
}

type Texts = readonly { readonly name: string; readonly text: string }[];

function errorsOf(texts: Texts, now: number): Finding[] {
  return lintPolicies({ texts }, now).findings.filter(({ severity }) => severity === "error");
}

function keyOf({ rule, object, message }: Finding): string {
  return JSON.stringify([rule, object, message]);
}

function nameOf(who: Beneficiary): string {
  return who.type === "user" ? who.user : who.name;
}

function nextSteps(path: string, { name }: RequestFile, service: string, expires: string): string {
  return `Next:
  git switch --create ${name}
  git add ${path} && git commit --message "Access to ${service} until ${expires}"
  git push --set-upstream origin ${name}    and open a pull request
Access begins with the next \`up\` after the merge. The proxy ends it at ${expires}, connections included; nothing
has to be deployed for that. Remove the file afterwards.
`;
}

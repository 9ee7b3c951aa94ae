import { readFileSync } from "node:fs";
import { z } from "zod";
import { CliError } from "../exit.ts";

export const PROVIDERS = ["github", "gitlab"] as const;
export type Provider = (typeof PROVIDERS)[number];

/** The pull or merge request that is commented on. */
export interface Target {
  readonly provider: Provider;
  /** `owner/name` of GitHub; number or path of GitLab's project. */
  readonly repo: string;
  readonly number: number;
  /** Base address of the API, without a slash at its end. */
  readonly api: string;
  readonly token: string;
}

export interface TargetOptions {
  readonly provider?: Provider;
  readonly repo?: string;
  readonly pr?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Finds the request to comment on: by the options, else by what GitHub Actions or GitLab CI say in the environment. The token
 * comes from the environment alone, because a command line is seen by other processes.
 *
 * @throws CliError that names what is missing and where it is given
 */
export function findTarget(options: TargetOptions, env: Env): Target {
  const provider = options.provider ?? (env["GITLAB_CI"] ? "gitlab" : "github");
  switch (provider) {
    case "github":
      return {
        provider,
        repo: githubRepo(options.repo ?? env["GITHUB_REPOSITORY"]),
        number: requestNumber(options.pr) ?? githubEvent(env),
        api: apiAddress(env["GITHUB_API_URL"] || "https://api.github.com"),
        token: required(env, "GITHUB_TOKEN", "in GitHub Actions: env: { GITHUB_TOKEN: ${{ github.token }} }"),
      };
    case "gitlab":
      return {
        provider,
        repo: options.repo ?? required(env, "CI_PROJECT_ID", "or give --repo"),
        number:
          requestNumber(options.pr) ??
          numberOr(
            env["CI_MERGE_REQUEST_IID"],
            "comment: no merge request; run it in a merge request pipeline, or give --pr",
          ),
        api: apiAddress(env["CI_API_V4_URL"] || "https://gitlab.com/api/v4"),
        token: required(
          env,
          "GITLAB_TOKEN",
          "a project access token with scope api, as CI_JOB_TOKEN may not write notes",
        ),
      };
  }
}

function githubRepo(repo: string | undefined): string {
  if (repo !== undefined && /^[\w.-]+\/[\w.-]+$/.test(repo)) return repo;
  throw new CliError(
    repo === undefined
      ? "comment: give --repo OWNER/NAME, or set GITHUB_REPOSITORY"
      : `comment: --repo "${repo}" is not OWNER/NAME`,
  );
}

const event = z.object({
  number: z.number().int().optional(),
  pull_request: z.object({ number: z.number().int() }).optional(),
  issue: z.object({ number: z.number().int(), pull_request: z.unknown().optional() }).optional(),
});

/** The pull request that the workflow runs for. */
function githubEvent(env: Env): number {
  const path = env["GITHUB_EVENT_PATH"];
  const read = path === undefined || path === "" ? undefined : event.safeParse(json(path)).data;
  const commented = read?.issue?.pull_request === undefined ? undefined : read.issue.number;
  const number = read?.pull_request?.number ?? commented;
  if (number !== undefined) return number;
  return numberOr(
    /^refs\/pull\/(\d+)\//.exec(env["GITHUB_REF"] ?? "")?.[1],
    "comment: this run is for no pull request; give --pr, or run it on pull_request",
  );
}

function json(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new CliError(`comment: cannot read GITHUB_EVENT_PATH (${path})`, undefined, { cause });
  }
}

function requestNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : numberOr(text, `comment: --pr "${text}" is not a number`);
}

function numberOr(text: string | undefined, message: string): number {
  if (text !== undefined && /^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new CliError(message);
}

function required(env: Env, name: string, hint: string): string {
  const value = env[name];
  if (value === undefined || value === "") throw new CliError(`comment: set ${name} (${hint})`);
  return value;
}

/** A token goes over TLS, except to this machine, where a stand-in may listen. */
function apiAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHere = url !== undefined && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && isHere)) {
    throw new CliError(`comment: the API's address "${text}" must begin with https://`);
  }
  return text.replace(/\/+$/, "");
}

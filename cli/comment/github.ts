import { z } from "zod";
import { CliError } from "../exit.ts";
import { type Call, call, type Reply, reason, type Wait } from "./http.ts";
import type { Target } from "./target.ts";
import type { Comments, Existing } from "./upsert.ts";

const comment = z.object({
  id: z.number(),
  body: z.string().nullish(),
  html_url: z.string().optional(),
  user: z.object({ login: z.string() }).nullish(),
});
const account = z.object({ login: z.string() });
const viewer = z.object({ data: z.object({ viewer: account }) });

const PER_PAGE = 100;
const MOST_PAGES = 100;

/** The comments of a pull request on GitHub, github.com or an own server. */
export function githubComments(target: Target, waiting: Wait): Comments {
  const { api, repo, number, token } = target;
  const headers = {
    Authorization: `Bearer ${token}`,
    Accept: "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
  };
  const ask = (method: Call["method"], path: string, body?: unknown): Promise<Reply> =>
    call(
      {
        method,
        url: path.startsWith("/") ? `${api}${path}` : path,
        headers,
        ...(body !== undefined && { body }),
      },
      waiting,
    );
  const ofRequest = `/repos/${repo}/issues/${number}/comments`;

  const find = async (beginning: string): Promise<Existing | undefined> => {
    const self = await author(ask, api);
    for (let page = 1; page <= MOST_PAGES; page++) {
      const reply = await ask("GET", `${ofRequest}?per_page=${PER_PAGE}&page=${page}`);
      const list = z.array(comment).safeParse(reply.status === 200 ? reply.body : undefined).data;
      if (list === undefined) throw refused(target, reply, "read comments");
      const found = list.find(({ user, body }) => user?.login === self && body?.startsWith(beginning));
      if (found) return { id: found.id, body: found.body ?? "" };
      if (!/rel="next"/.test(reply.headers.get("link") ?? "") && list.length < PER_PAGE) return undefined;
    }
    throw new CliError(`comment: ${repo}#${number} has more than ${PER_PAGE * MOST_PAGES} comments`);
  };
  const written = (reply: Reply): string => comment.safeParse(reply.body).data?.html_url ?? "";
  return {
    find,
    create: async (body) => {
      const reply = await ask("POST", ofRequest, { body });
      if (reply.status !== 201) throw refused(target, reply, "write a comment");
      return written(reply);
    },
    update: async (id, body) => {
      const reply = await ask("PATCH", `/repos/${repo}/issues/comments/${id}`, { body });
      if (reply.status === 404) return undefined;
      if (reply.status !== 200) throw refused(target, reply, "rewrite its comment");
      return written(reply);
    },
  };
}

/** Whose token it is. An app's token, as that of GitHub Actions, may not ask for /user, but GraphQL tells it. */
async function author(
  ask: (method: Call["method"], path: string, body?: unknown) => Promise<Reply>,
  api: string,
): Promise<string> {
  const user = await ask("GET", "/user");
  const person = account.safeParse(user.status === 200 ? user.body : undefined).data;
  if (person) return person.login;
  if (user.status !== 401) {
    const query = { query: "query { viewer { login } }" };
    const graphql = process.env["GITHUB_GRAPHQL_URL"] || `${api.replace(/\/v3$/, "")}/graphql`;
    const sameHost = new URL(graphql).host === new URL(api).host;
    const asked = sameHost ? await ask("POST", graphql, query) : undefined;
    const login = viewer.safeParse(asked?.body).data?.data.viewer.login;
    if (login !== undefined) return login.endsWith("[bot]") ? login : `${login}[bot]`;
  }
  throw new CliError(`comment: GitHub does not know the token (${reason(user)})`);
}

function refused({ repo, number }: Target, reply: Reply, what: string): CliError {
  const hint =
    reply.status === 403
      ? "\n    the job needs `permissions: { pull-requests: write }`; on a pull request from a fork the token can only read, so show the report in the job's summary instead"
      : reply.status === 404
        ? "\n    the repository or pull request is not there, or the token may not see it"
        : "";
  return new CliError(`comment: may not ${what} at ${repo}#${number} (${reason(reply)})${hint}`);
}

import { z } from "zod";
import { CliError } from "../exit.ts";
import { type Call, call, type Reply, reason, type Wait } from "./http.ts";
import type { Target } from "./target.ts";
import type { Comments, Existing } from "./upsert.ts";

const note = z.object({
  id: z.number(),
  body: z.string(),
  system: z.boolean().optional(),
  author: z.object({ id: z.number() }),
});
const account = z.object({ id: z.number() });

const PER_PAGE = 100;
const MOST_PAGES = 100;

/** The notes of a merge request on GitLab. */
export function gitlabComments(target: Target, waiting: Wait): Comments {
  const { api, repo, number, token } = target;
  const ask = (method: Call["method"], path: string, body?: unknown): Promise<Reply> =>
    call(
      {
        method,
        url: `${api}${path}`,
        headers: { "PRIVATE-TOKEN": token },
        ...(body !== undefined && { body }),
      },
      waiting,
    );
  const notes = `/projects/${encodeURIComponent(repo)}/merge_requests/${number}/notes`;
  const refused = (reply: Reply, what: string): CliError =>
    new CliError(
      `comment: may not ${what} at ${repo}!${number} (${reason(reply)})\n    GITLAB_TOKEN needs the scope api and the role Reporter or above in the project`,
    );

  return {
    find: async (beginning): Promise<Existing | undefined> => {
      const user = await ask("GET", "/user");
      const self = account.safeParse(user.status === 200 ? user.body : undefined).data;
      if (self === undefined) throw refused(user, "ask whose token it is");
      for (let page = 1; page <= MOST_PAGES; page++) {
        const reply = await ask(
          "GET",
          `${notes}?sort=asc&order_by=created_at&per_page=${PER_PAGE}&page=${page}`,
        );
        const list = z.array(note).safeParse(reply.status === 200 ? reply.body : undefined).data;
        if (list === undefined) throw refused(reply, "read notes");
        const found = list.find(
          ({ author, body, system }) => !system && author.id === self.id && body.startsWith(beginning),
        );
        if (found) return found;
        if (!reply.headers.get("x-next-page") && list.length < PER_PAGE) return undefined;
      }
      throw new CliError(`comment: ${repo}!${number} has more than ${PER_PAGE * MOST_PAGES} notes`);
    },
    create: async (body) => {
      const reply = await ask("POST", notes, { body });
      const made = note.safeParse(reply.status === 201 ? reply.body : undefined).data;
      if (made === undefined) throw refused(reply, "write a note");
      return `${repo}!${number}#note_${made.id}`;
    },
    update: async (id, body) => {
      const reply = await ask("PUT", `${notes}/${id}`, { body });
      if (reply.status === 404) return undefined;
      if (reply.status !== 200) throw refused(reply, "rewrite its note");
      return `${repo}!${number}#note_${id}`;
    },
  };
}

import { githubComments } from "./github.ts";
import { gitlabComments } from "./gitlab.ts";
import { type Wait, wait } from "./http.ts";
import type { Target } from "./target.ts";
import { type Comments, type Upserted, upsert } from "./upsert.ts";

/** Writes the comment, or rewrites the one that begins with the marker. */
export function comment(
  target: Target,
  marker: string,
  body: string,
  isWorthIt: boolean,
  waiting: Wait = wait,
): Promise<Upserted> {
  return upsert(commentsOf(target, waiting), marker, body, isWorthIt, waiting);
}

function commentsOf(target: Target, waiting: Wait): Comments {
  switch (target.provider) {
    case "github":
      return githubComments(target, waiting);
    case "gitlab":
      return gitlabComments(target, waiting);
  }
}

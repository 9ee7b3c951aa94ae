import { CliError } from "../exit.ts";
import { UnsureError, type Wait } from "./http.ts";

/** A comment of ours that is there already. */
export interface Existing {
  readonly id: number;
  readonly body: string;
}

/** What a forge can do with the comments of one request. */
export interface Comments {
  /** The first comment of the token's own author that begins with the text. */
  readonly find: (beginning: string) => Promise<Existing | undefined>;
  /** Both resolve with the comment's address. */
  readonly create: (body: string) => Promise<string>;
  /** Undefined when the comment is gone. */
  readonly update: (id: number, body: string) => Promise<string | undefined>;
}

export interface Upserted {
  readonly done: "created" | "updated" | "unchanged" | "nothing to tell";
  readonly url: string | undefined;
}

const ATTEMPTS = 3;

/**
 * Leaves exactly one comment with the marker: writes it, or rewrites it when it is there.
 *
 * @param isWorthIt - whether to write one when there is none yet; one that is there is always brought up to date
 */
export async function upsert(
  comments: Comments,
  marker: string,
  body: string,
  isWorthIt: boolean,
  waiting: Wait,
): Promise<Upserted> {
  for (let attempt = 1; ; attempt++) {
    const existing = await comments.find(marker);
    if (existing?.body.trim() === body.trim()) return { done: "unchanged", url: undefined };
    if (existing) {
      const url = await comments.update(existing.id, body);
      if (url !== undefined) return { done: "updated", url };
    } else if (!isWorthIt) return { done: "nothing to tell", url: undefined };
    else {
      try {
        return { done: "created", url: await comments.create(body) };
      } catch (error) {
        // It may have been written all the same: look before writing again.
        if (!(error instanceof UnsureError) || attempt === ATTEMPTS) throw error;
        await waiting(1000 * 2 ** attempt);
      }
    }
    if (attempt === ATTEMPTS) throw new CliError("comment: somebody deletes the comment as it is written");
  }
}

import { z } from "zod";

/** What a sign-in left: the token that the proxy is shown, and what gets the next one. */
const schema = z.object({
  version: z.literal(1),
  /** Whom it came from: a context that was changed to another provider does not go on with it. */
  issuer: z.string(),
  clientId: z.string(),
  token: z.string(),
  refreshToken: z.string().optional(),
  /** RFC 3339; absent when the provider did not say. */
  expires: z.string().optional(),
});

export type StoredCredential = z.output<typeof schema>;

/** Reads what {@link JSON.stringify} wrote; `undefined` for anything else, which then counts as not signed in. */
export function parseStored(text: string): StoredCredential | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Where credentials are kept, by the name of their context. */
export interface CredentialStore {
  /** In words, for people. */
  readonly what: string;
  read(context: string): string | undefined;
  write(context: string, text: string): void;
  remove(context: string): void;
}

import type { ProxyRule } from "../../policy/compile/proxy/config.ts";

/** As whom somebody is logged in. */
export type LoginUser =
  | { readonly ok: true; readonly user: string }
  /** No user is open to every member of the chain. */
  | { readonly ok: false; readonly why: string };

/**
 * The database user of a connection. Every link of its chain has a rule of its own, and only a user that all of them
 * name is open: a chain never reaches more than its weakest member. Among those the client may choose by the user that
 * it asks for; otherwise it is the first one that the innermost link's rule names.
 *
 * @param rules one a link, from the outermost to the innermost
 * @param asked the user that the client named, where its protocol has it name one
 */
export function loginUser(rules: readonly ProxyRule[], asked: string | undefined): LoginUser {
  const innermost = rules.at(-1)?.loginUsers ?? [];
  const open = innermost.filter((user) => rules.every(({ loginUsers }) => loginUsers?.includes(user)));
  const user = asked !== undefined && open.includes(asked) ? asked : open[0];
  if (user !== undefined) return { ok: true, user };
  const named = rules.map(({ id, loginUsers }) => `${id}: ${loginUsers?.join(", ") ?? "none"}`);
  return { ok: false, why: `no database user is open to the whole chain (${named.join("; ")})` };
}

/** True while the rules still open the user that a connection was logged in as. */
export function stillOpen(rules: readonly ProxyRule[], user: string): boolean {
  return rules.length > 0 && rules.every(({ loginUsers }) => loginUsers?.includes(user));
}

/**
 * A person at a browser, without one: follows redirects with cookies and fills in the provider's forms. As a program it
 * is what BROWSER names: `browser.ts USER URL`.
 */

/** Signs in as a user from this page on. Returns the text of the last page. */
export async function browse(user: string, start: string): Promise<string> {
  const cookies = new Map<string, Map<string, string>>();
  let page = await visit(cookies, start);
  for (let step = 0; step < 8; step++) {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1];
    if (action === undefined) return page.text;
    page = await visit(cookies, new URL(unescaped(action), page.url).href, fieldsOf(page.text, user));
  }
  throw new Error(`no end of forms at ${page.url}`);
}

function fieldsOf(text: string, user: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [input] of text.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]+)"/.exec(input)?.[1];
    if (name !== undefined) fields[name] = unescaped(/value="([^"]*)"/.exec(input)?.[1] ?? "");
  }
  return {
    ...fields,
    ...("login" in fields ? { login: user, password: "any" } : {}),
    ...(/name="confirm"/.test(text) ? { confirm: "yes" } : {}),
  };
}

async function visit(
  jars: Map<string, Map<string, string>>,
  url: string,
  form?: Readonly<Record<string, string>>,
): Promise<{ readonly url: string; readonly text: string }> {
  const { origin } = new URL(url);
  const jar = jars.get(origin) ?? new Map<string, string>();
  jars.set(origin, jar);
  const response = await fetch(url, {
    redirect: "manual",
    headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
    ...(form ? { method: "POST", body: new URLSearchParams(form) } : {}),
  });
  for (const cookie of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
    if (name !== undefined && value !== undefined) jar.set(name, value);
  }
  const location = response.headers.get("location");
  if (location !== null) return visit(jars, new URL(location, url).href);
  return { url, text: await response.text() };
}

function unescaped(text: string): string {
  return text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");
}

if (import.meta.main) {
  const [user = "", url = ""] = process.argv.slice(2);
  await browse(user, url);
}

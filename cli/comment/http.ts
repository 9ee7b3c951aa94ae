import { CliError } from "../exit.ts";

export interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Waits; tests hand over one that does not. */
export type Wait = (milliseconds: number) => Promise<void>;

export const wait: Wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const ATTEMPTS = 5;
const TIMEOUT = 30_000;
/** A job that waits longer than this costs more than it tells. */
const LONGEST_WAIT = 120_000;

/** The API had trouble that may pass, and whether it did what was asked is not known. */
export class UnsureError extends CliError {}

/**
 * Calls the API, and again when it is overloaded or limits the rate. What may have been done already is not done twice:
 * a POST is repeated only when the API says that it refused it.
 *
 * @throws UnsureError for a POST that may have worked, CliError when it will not work
 */
export async function call(request: Call, waiting: Wait): Promise<Reply> {
  for (let attempt = 1; ; attempt++) {
    const reply = await once(request);
    const isLast = attempt === ATTEMPTS;
    if ("reply" in reply && !isTransient(reply.reply)) return reply.reply;
    const what = "reply" in reply ? `answered ${reply.reply.status}` : `did not answer (${reply.failure})`;
    const message = `comment: ${new URL(request.url).host} ${what}`;
    const isRefused = "reply" in reply && isLimited(reply.reply);
    if (request.method === "POST" && !isRefused) throw new UnsureError(message);
    const pause = "reply" in reply ? pauseFor(reply.reply, attempt) : backOff(attempt);
    if (isLast || pause > LONGEST_WAIT)
      throw new CliError(`${message}${isRefused ? ": its rate limit is reached" : ""}; try again later`);
    await waiting(pause);
  }
}

async function once({
  method,
  url,
  headers,
  body,
}: Call): Promise<{ readonly reply: Reply } | { readonly failure: string }> {
  try {
    const response = await fetchWithin(url, {
      method,
      headers: {
        "User-Agent": "portreeve",
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      signal: AbortSignal.timeout(TIMEOUT),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { reply: { status: response.status, headers: response.headers, body: parsed(text) } };
  } catch (error) {
    if (error instanceof CliError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { failure: cause instanceof Error ? cause.message : String(cause) };
  }
}

const MOST_REDIRECTS = 3;

/**
 * Follows redirects with the same method, as GitHub asks for, and within the API alone: `fetch` would take the header with
 * GitLab's token along to wherever it is sent.
 *
 * @throws CliError for a redirect to somebody else
 */
async function fetchWithin(url: string, init: RequestInit): Promise<Response> {
  let address = url;
  for (let hop = 0; ; hop++) {
    const response = await fetch(address, { ...init, redirect: "manual" });
    const location = response.headers.get("location");
    if (![301, 302, 307, 308].includes(response.status) || location === null || hop === MOST_REDIRECTS) {
      return response;
    }
    await response.body?.cancel();
    const next = new URL(location, address);
    if (next.origin !== new URL(address).origin) {
      throw new CliError(
        `comment: ${new URL(address).host} leads elsewhere (${next.host}), and the token is not for there; give the API's own address`,
      );
    }
    address = next.href;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTransient(reply: Reply): boolean {
  return reply.status >= 500 || isLimited(reply);
}

/** GitHub says so with 403 too, where a wait is named or nothing remains. */
function isLimited({ status, headers }: Reply): boolean {
  return (
    status === 429 ||
    (status === 403 && (headers.has("retry-after") || headers.get("x-ratelimit-remaining") === "0"))
  );
}

function pauseFor({ headers }: Reply, attempt: number): number {
  const seconds = headers.get("retry-after");
  if (seconds !== null && /^\d+$/.test(seconds)) return Number(seconds) * 1000;
  const reset = headers.get("x-ratelimit-remaining") === "0" ? headers.get("x-ratelimit-reset") : null;
  if (reset !== null && /^\d+$/.test(reset)) return Math.max(Number(reset) * 1000 - Date.now(), 1000);
  return backOff(attempt);
}

function backOff(attempt: number): number {
  return 1000 * 2 ** (attempt - 1);
}

/** What the API says is wrong, cut: it is shown to people. */
export function reason({ status, body }: Reply): string {
  const said = typeof body === "object" && body !== null && "message" in body ? body.message : undefined;
  return `${status}${typeof said === "string" ? `: ${said.slice(0, 300)}` : ""}`;
}

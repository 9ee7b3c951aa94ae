import { createServer, type ServerResponse } from "node:http";
import { CliError } from "../../exit.ts";

/** Where the provider sends the browser back to (RFC 8252, 7.3): a port of this machine that only this run has. */
export interface Landing {
  readonly redirectUri: string;
  /** Resolves with the address that the browser came back with. */
  readonly arrival: Promise<URL>;
  close(): void;
}

const PATIENCE_MS = 5 * 60_000;

/**
 * Listens for the browser.
 *
 * @param state the request's `state`: whatever comes with another is not the answer to it, and is refused without ending
 *   the wait, so that nobody on this machine can end somebody's sign-in with a request of their own
 */
export async function openLanding(state: string): Promise<Landing> {
  const { promise: arrival, resolve, reject } = Promise.withResolvers<URL>();
  const server = createServer((request, response) => {
    // Not every target is an address ("//" is none), and an error that is thrown here would end the sign-in.
    const url = URL.parse(request.url ?? "/", redirectUri);
    if (request.method !== "GET" || url?.pathname !== "/callback")
      return answer(response, 404, "Nothing is here.");
    if (url.searchParams.get("state") !== state) {
      return answer(response, 400, "This is not the answer to the sign-in that is waiting.");
    }
    const failed = url.searchParams.has("error");
    answer(
      response,
      200,
      failed ? "Sign-in failed; the terminal says why." : "Signed in. You can close this page.",
    );
    resolve(url);
  });
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", done);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const redirectUri = `http://127.0.0.1:${port}/callback`;
  const patience = setTimeout(
    () => reject(new CliError("login: nobody signed in within five minutes")),
    PATIENCE_MS,
  );
  // Whoever closes before the end has a reason of its own to tell.
  arrival.catch(() => {});
  return {
    redirectUri,
    arrival,
    close: () => {
      clearTimeout(patience);
      server.close();
      server.closeIdleConnections();
    },
  };
}

/** No text of the request is ever in a page, and no script runs in one. */
function answer(response: ServerResponse, status: number, line: string): void {
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    connection: "close",
  });
  response.end(
    `<!doctype html><meta charset="utf-8"><title>portreeve</title><body style="font:1.2rem sans-serif;margin:4rem">${line}`,
  );
}

import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";

export interface FetchOptions {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM; without it the public CAs vouch. */
  readonly ca?: string | undefined;
  /** From the first packet to the last byte, in milliseconds. @default 5000 */
  readonly timeout?: number;
  /** Longest answer. @default 1 MiB */
  readonly maxBytes?: number;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/**
 * Asks an identity provider. It may be slow, broken or hostile: one deadline holds for everything, an answer has a
 * greatest length, and a redirect is an answer like any other, never followed.
 *
 * @throws Error that says what went wrong, without the answer's content
 */
export function fetchText(url: string, options: FetchOptions = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, ca, timeout = 5_000, maxBytes = 1024 * 1024 } = options;
  const target = new URL(url);
  return new Promise((done, failed) => {
    let over = false;
    let request: ClientRequest | undefined;
    const end = (act: () => void) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      act();
    };
    const fail = (why: string, cause?: unknown) => {
      end(() => {
        failed(new Error(`${target.origin}: ${why}`, { cause }));
        request?.destroy();
      });
    };
    const timer = setTimeout(() => fail(`no answer within ${timeout} ms`), timeout);
    const onAnswer = (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxBytes) fail(`an answer of more than ${maxBytes} bytes`);
        else if (!over) chunks.push(chunk);
      });
      response.once("error", (error) => fail(error.message, error));
      response.once("aborted", () => fail("the answer broke off"));
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        const type = response.headers["content-type"] ?? "";
        end(() => done({ status: response.statusCode ?? 0, type, text }));
      });
    };
    try {
      const given = {
        method,
        // A connection of its own: nothing that another answer left behind can be read as this one.
        agent: false as const,
        headers: {
          ...headers,
          ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
        },
      };
      request =
        target.protocol === "https:"
          ? httpsRequest(target, { ...given, ...(ca !== undefined && { ca }) }, onAnswer)
          : httpRequest(target, given, onAnswer);
      request.once("error", (error) => fail(error.message, error));
      request.end(body);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error), error);
    }
  });
}

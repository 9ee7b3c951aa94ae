/**
 * STS for tests: checks a Signature Version 4 as AWS documents it, which the emulator behind it (moto) does not, and lets
 * moto say whose keys they are. It stands in for AWS, and is itself checked against signers that are not ours.
 */
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { Scope } from "../../cluster/scope.ts";

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export class VerifyingSts {
  /** Keys that were given out, by id. */
  readonly keys = new Map<string, Keys>();
  /** Requests so far; `undefined` for one whose signature is right. */
  readonly seen: (string | undefined)[] = [];
  readonly #moto: string;

  /** @param moto endpoint of the emulator */
  constructor(moto: string) {
    this.#moto = moto;
  }

  async start(scope: Scope, port: number): Promise<string> {
    const server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((done) => {
      server.listen(port, "127.0.0.1", () => done());
    });
    scope.onStop(() => void server.close());
    return `http://127.0.0.1:${port}/`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const why = this.#check(request.method ?? "", request.url ?? "", request.headers, body);
    this.seen.push(why);
    if (why !== undefined) {
      response.writeHead(403).end(`<ErrorResponse><Error><Code>${why}</Code></Error></ErrorResponse>`);
      return;
    }
    const { authorization = "" } = request.headers;
    const answer = await fetch(this.#moto, {
      method: "POST",
      headers: { authorization, "content-type": "application/x-www-form-urlencoded" },
      body,
    });
    response.writeHead(answer.status, { "content-type": "text/xml" }).end(await answer.text());
  }

  #check(method: string, path: string, headers: IncomingHttpHeaders, body: string): string | undefined {
    const match =
      /Credential=([^/]+)\/([^/]+)\/([^/]+)\/sts\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)/.exec(
        headers.authorization ?? "",
      );
    const [, id = "", day = "", region = "", names = "", signature = ""] = match ?? [];
    const keys = this.keys.get(id);
    if (!keys || headers["x-amz-security-token"] !== keys.sessionToken) return "InvalidClientTokenId";
    const date = String(headers["x-amz-date"]);
    const canonical = names
      .split(";")
      .map(
        (name) =>
          `${name}:${String(headers[name] ?? "")
            .trim()
            .replace(/ +/g, " ")}\n`,
      )
      .join("");
    const canonicalRequest = [method, path, "", canonical, names, sha256(body)].join("\n");
    const scope = `${day}/${region}/sts/aws4_request`;
    const text = ["AWS4-HMAC-SHA256", date, scope, sha256(canonicalRequest)].join("\n");
    let key: Buffer = Buffer.from(`AWS4${keys.secretAccessKey}`);
    for (const part of [day, region, "sts", "aws4_request"]) key = hmac(key, part);
    if (hmac(key, text).toString("hex") !== signature) return "SignatureDoesNotMatch";
    return headers.host === `sts.${region}.amazonaws.com` ? undefined : "SignatureDoesNotMatch";
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

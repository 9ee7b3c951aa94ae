/** An issuer that answers as a test wants: late, wrong, never. HTTPS, with a certificate that only its own CA vouches for. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { TestKey } from "../../../proxy-image/credentials/test-issuer.ts";
import { type Authority, createAuthority, createLeaf } from "../../../proxy-image/dev/certificates.ts";
import type { Scope } from "../../cluster/scope.ts";

export class WildIssuer {
  readonly ca: Authority = createAuthority("issuer CA");
  issuer = "";
  keys: readonly TestKey[] = [];
  /** Answers the request for keys, instead of with the keys. */
  answerKeys: ((response: ServerResponse) => void) | undefined;
  /** Requests so far, by path. */
  readonly asked: string[] = [];

  async start(scope: Scope, port: number): Promise<void> {
    this.issuer = `https://localhost:${port}`;
    const leaf = createLeaf("localhost", this.ca, { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] });
    const server = createServer({ cert: leaf.cert, key: leaf.key }, (request, response) =>
      this.#answer(request, response),
    );
    await new Promise<void>((done) => {
      server.listen(port, "127.0.0.1", () => done());
    });
    scope.onStop(() => {
      server.closeAllConnections();
      server.close();
    });
  }

  #answer({ url = "" }: IncomingMessage, response: ServerResponse): void {
    this.asked.push(url);
    if (url === "/.well-known/openid-configuration") {
      response.end(JSON.stringify({ issuer: this.issuer, jwks_uri: `${this.issuer}/keys` }));
      return;
    }
    if (this.answerKeys) this.answerKeys(response);
    else response.end(JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) }));
  }
}

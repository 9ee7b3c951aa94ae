import { randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** What the guard says of a request: let in, let in and to be given the cookie, or refused and why. */
export type Admission =
  | { readonly as: "known" | "new" }
  | { readonly as: "refused"; readonly status: number; readonly why: string };

/**
 * Who may see the page: whoever has the link, once, and that browser from then on. A page of somebody else in the same browser
 * can send requests to loopback, also under a name of its own that it has resolved to loopback (DNS rebinding); it has
 * neither the cookie nor the right host.
 */
export class Guard {
  readonly #hosts: readonly string[];
  readonly #cookieName: string;
  readonly #session = secret();
  #link: string | undefined = secret();

  constructor(port: number) {
    this.#hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
    // Cookies are not kept apart by port: two of these pages must not take each other's.
    this.#cookieName = `portreeve-ui-${port}`;
  }

  /** The part of the link that lets in; undefined once it was used. */
  get link(): string | undefined {
    return this.#link;
  }

  get cookie(): string {
    return `${this.#cookieName}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`;
  }

  /** @param token what the request's address has of the link */
  admit({ method, headers }: IncomingMessage, token: string | null): Admission {
    if (!this.#hosts.includes(headers.host ?? "")) return refused(421, "this page has another address");
    if (method !== "GET") return refused(405, "this page can be read, and nothing else");
    const site = headers["sec-fetch-site"];
    if (site !== undefined && site !== "none" && site !== "same-origin" && token === null) {
      return refused(403, "not from another page");
    }
    if (this.#hasCookie(headers.cookie ?? "")) return { as: "known" };
    if (token !== null && this.#link !== undefined && isSame(token, this.#link)) {
      this.#link = undefined;
      return { as: "new" };
    }
    return refused(
      403,
      "the link that portreeve ui printed works once, in one browser: start it again for another",
    );
  }

  #hasCookie(header: string): boolean {
    return header.split(";").some((pair) => {
      const [name = "", value = ""] = pair.trim().split("=", 2);
      return name === this.#cookieName && isSame(value, this.#session);
    });
  }
}

function refused(status: number, why: string): Admission {
  return { as: "refused", status, why };
}

function secret(): string {
  return randomBytes(24).toString("base64url");
}

/** In a time that does not tell how much of it is right. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

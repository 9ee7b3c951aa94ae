/** The wire of the shared port, by hand: TLS, a head, and what comes back. */
import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import type { Issued } from "../../../proxy-image/dev/certificates.ts";
import { connectTls, readToEnd, type TestProxy } from "../harness.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** The body, as JSON; fails for another. */
  json(): Record<string, unknown>;
}

export interface Wire {
  readonly proxy: TestProxy;
  readonly port: number;
}

/** Sends bytes, ends, and reads the answer to its end. */
export async function exchange(wire: Wire, text: string, client?: Issued): Promise<HttpAnswer> {
  const socket = await connectTls(wire.proxy, wire.port, client);
  socket.on("error", () => {});
  const reading = readToEnd(socket);
  socket.end(text);
  return parse((await reading).toString());
}

/** A CONNECT with a credential; for a granted service the body is what the backend echoed. */
export function tryConnect(
  wire: Wire,
  target: string,
  authorization?: string,
  client?: Issued,
  accept = "application/json",
): Promise<HttpAnswer> {
  return exchange(wire, `${connectHead(target, authorization, accept)}hello`, client);
}

export function ask(wire: Wire, path: string, authorization?: string, client?: Issued): Promise<HttpAnswer> {
  const credential = authorization === undefined ? "" : `Authorization: ${authorization}\r\n`;
  return exchange(
    wire,
    `GET ${path} HTTP/1.1\r\nHost: proxy\r\n${credential}Accept: application/json\r\n\r\n`,
    client,
  );
}

/** A tunnel that stays open; fails when it is refused. */
export async function openTunnel(
  wire: Wire,
  target: string,
  authorization?: string,
  client?: Issued,
): Promise<TLSSocket> {
  const socket = await connectTls(wire.proxy, wire.port, client);
  socket.on("error", () => {});
  socket.write(connectHead(target, authorization));
  const [first] = (await once(socket, "data")) as [Buffer];
  if (!first.toString().startsWith("HTTP/1.1 200 ")) {
    socket.destroy();
    throw new Error(`refused: ${first.toString().split("\r\n", 1)[0]}`);
  }
  return socket;
}

function connectHead(target: string, authorization?: string, accept?: string): string {
  const credential = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  const wanted = accept === undefined ? "" : `Accept: ${accept}\r\n`;
  return `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credential}${wanted}\r\n`;
}

function parse(text: string): HttpAnswer {
  const end = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = text.slice(0, end).split("\r\n");
  const body = text.slice(end + 4);
  return {
    status: Number(statusLine.split(" ")[1] ?? 0),
    headers: new Map(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    ),
    body,
    json: () => JSON.parse(body) as Record<string, unknown>,
  };
}

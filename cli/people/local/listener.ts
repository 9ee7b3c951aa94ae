import { createServer, type Server, type Socket } from "node:net";
import { CliError } from "../../exit.ts";
import type { Authorizer } from "../authorization.ts";
import { messageOf } from "../private-file.ts";
import { openTunnel } from "../proxy/request.ts";
import type { Endpoint, Wanted } from "./endpoint.ts";

export interface LocalOptions {
  readonly authorizer: Authorizer;
  /** `service:port`. */
  readonly target: string;
  readonly wanted: Wanted;
  /** Connections at one time; more are closed at once. */
  readonly maxConnections: number;
  /** A connection that came to nothing, and why; the client itself only sees it closed. */
  readonly onRefused: (error: CliError) => void;
}

/** A port or socket of this machine that leads through the proxy to one service. */
export interface Local {
  readonly endpoint: Endpoint;
  /** Connections that are open. */
  readonly live: () => number;
  /** Ends it and every connection. */
  close(): Promise<void>;
}

/** Opens a local port or socket; each connection to it becomes a tunnel of its own, with a credential of that moment. */
export async function listenLocally(options: LocalOptions): Promise<Local> {
  const sockets = new Set<Socket>();
  // Paused: not a byte is read before there is somewhere to put it. Half-open: "I have said all" is passed on as that.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    void serve(socket, options);
  });
  server.maxConnections = options.maxConnections;
  server.on("drop", () =>
    options.onRefused(new CliError(`more than ${options.maxConnections} connections at one time`)),
  );
  try {
    const endpoint = await listen(server, options.wanted);
    return {
      endpoint,
      live: () => sockets.size,
      close: async () => {
        const closed = new Promise<void>((done) => server.close(() => done()));
        for (const socket of sockets) socket.destroy();
        await closed;
        if (options.wanted.type === "socket") options.wanted.remove();
      },
    };
  } catch (error) {
    if (options.wanted.type === "socket") options.wanted.remove();
    throw error;
  }
}

async function listen(server: Server, wanted: Wanted): Promise<Endpoint> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  if (wanted.type === "port") server.listen(wanted.port, "127.0.0.1", resolve);
  else {
    // The socket is made while the mask is set: there is no moment in which others could connect.
    const before = process.umask(0o177);
    try {
      server.listen(wanted.path, resolve);
    } finally {
      process.umask(before);
    }
  }
  try {
    await promise;
  } catch (cause) {
    const what = wanted.type === "port" ? `--port ${wanted.port}` : `--socket ${wanted.path}`;
    throw new CliError(`connect: ${what}: ${messageOf(cause)}`, undefined, { cause });
  }
  server.removeListener("error", reject);
  // Accepting failed for want of descriptors, say: the next client may have more luck.
  server.on("error", () => {});
  if (wanted.type === "socket") return { type: "socket", path: wanted.path };
  const address = server.address();
  if (address === null || typeof address === "string") throw new CliError("connect: no local port");
  return { type: "port", host: "127.0.0.1", port: address.port };
}

async function serve(socket: Socket, { authorizer, target, onRefused }: LocalOptions): Promise<void> {
  socket.on("error", () => socket.destroy());
  try {
    const { stream, head } = await openTunnel(authorizer, target);
    if (socket.destroyed) {
      stream.destroy();
      return;
    }
    stream.on("error", () => socket.destroy());
    stream.once("close", () => socket.destroySoon());
    socket.once("close", () => stream.destroy());
    if (head.length > 0) socket.write(head);
    // pipe() reads only as fast as the other side takes it, and ends the other side when this one has.
    stream.pipe(socket);
    socket.pipe(stream);
  } catch (error) {
    socket.destroy();
    onRefused(
      error instanceof CliError ? error : new CliError(messageOf(error), undefined, { cause: error }),
    );
  }
}

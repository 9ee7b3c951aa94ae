/**
 * The proxy's side of the wire, small: TLS, CONNECT and GET /v1/access, with tokens verified against the provider's keys
 * and one group for each service. It stands in where the command line is what is tested; it has none of the real proxy's
 * checks, and says nothing about them. That both sides fit is shown by people.parts.test.ts with the real one.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { type Authority, createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { verifiedClaims } from "./provider.ts";

export const PROXY_ID = "spiffe://test.org/ns/portreeve/sa/portreeve-proxy";

export interface WireService {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  /** The group that may reach it, without the provider's name. */
  readonly group: string;
  readonly owner: string;
  readonly backend: number;
}

export interface Wire {
  readonly port: number;
  readonly ca: Authority;
  /** Credentials that were shown, in order. */
  readonly shown: string[];
  stop(): Promise<void>;
}

interface Caller {
  readonly user: string | undefined;
  readonly agent: string | undefined;
  readonly groups: readonly string[];
  readonly expires: number;
}

export async function startWire(issuer: string, services: readonly WireService[]): Promise<Wire> {
  const ca = createAuthority("wire CA");
  const leaf = createLeaf("proxy", ca, { uris: [PROXY_ID], dnsNames: ["localhost"] });
  const shown: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ cert: leaf.cert, key: leaf.key, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    let text = "";
    const onData = (data: Buffer): void => {
      text += data.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.off("data", onData);
      socket.pause();
      void answer(socket, text.slice(0, end), Buffer.from(text.slice(end + 4), "latin1"));
    };
    socket.on("data", onData);
  });

  const answer = async (socket: TLSSocket, head: string, rest: Buffer): Promise<void> => {
    const [requestLine = "", ...lines] = head.split("\r\n");
    const [method = "", path = ""] = requestLine.split(" ");
    const credential =
      lines.find((line) => /^proxy-authorization:/i.test(line))?.replace(/^[^:]*: */, "") ?? "";
    shown.push(credential);
    const caller = await callerOf(issuer, credential);
    if (!caller) {
      const challenge =
        'Proxy-Authenticate: Bearer realm="portreeve", error="invalid_token", error_description="the token is not valid"\r\n';
      return reply(socket, 407, { error: "invalid_token", message: "the token is not valid" }, challenge);
    }
    const may = services.filter(({ group }) => caller.groups.includes(group));
    if (method === "GET" && path === "/v1/access") return reply(socket, 200, listOf(caller, may));
    const target = path.replace("/v1/access/", "");
    const service = services.find(({ name, port }) => `${name}:${port}` === target);
    const allowed = service !== undefined && may.includes(service);
    if (method === "GET") return reply(socket, 200, answerFor(target, service, allowed));
    if (!allowed) return reply(socket, 403, refusalFor(service, target));
    const upstream = connectTcp({ host: "127.0.0.1", port: service.backend, allowHalfOpen: true });
    upstream.on("error", () => socket.destroy());
    upstream.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.write(rest);
      socket.pipe(upstream).pipe(socket);
    });
  };

  // Handshakes that fail too: a server waits for each at its end.
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    ca,
    shown,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

async function callerOf(issuer: string, credential: string): Promise<Caller | undefined> {
  const token = /^Bearer (.+)$/.exec(credential)?.[1];
  const claims = token === undefined ? undefined : await verifiedClaims(issuer, token);
  if (!claims) return undefined;
  const { email, groups, act, exp } = claims as {
    email?: string;
    groups?: string[];
    act?: { sub: string };
    exp: number;
  };
  return { user: email, agent: act?.sub, groups: groups ?? [], expires: exp * 1000 };
}

function listOf({ user, agent, groups, expires }: Caller, may: readonly WireService[]): unknown {
  return {
    principal: { user: `idp:${user}`, groups: groups.map((group) => `idp:${group}`), agent },
    expires: new Date(expires).toISOString(),
    policy: { digest: "sha256:wire" },
    services: may.map(({ name, port, protocol, owner }) => ({
      service: name,
      ports: [{ port, protocol }],
      owner,
      until: null,
      rules: [`${name}-rule`],
    })),
  };
}

function answerFor(target: string, service: WireService | undefined, allowed: boolean): unknown {
  const [name = "", port = "0"] = target.split(":");
  const base = { service: name, port: Number(port), verdict: allowed ? "allow" : "deny" };
  if (allowed) return { ...base, reason: "allowed", missing: {}, owner: service?.owner };
  return { ...base, reason: "no-grant-for-person", ...detail(service) };
}

function refusalFor(service: WireService | undefined, target: string): unknown {
  return {
    error: "denied",
    message: "no-grant-for-person",
    service: target,
    connection: "1",
    ...detail(service),
  };
}

function detail(service: WireService | undefined): object {
  return service ? { missing: { groups: [`idp:${service.group}`] }, owner: service.owner } : {};
}

const STATUS: Readonly<Record<number, string>> = {
  200: "OK",
  403: "Forbidden",
  407: "Proxy Authentication Required",
};

function reply(socket: TLSSocket, status: number, body: unknown, headers = ""): void {
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS[status]}\r\n${headers}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
}

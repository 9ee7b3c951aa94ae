/**
 * Who checks the login token for a real database, in the place of AWS: RDS and ElastiCache have that part inside. The
 * database's own protocol, its users and what it answers are the real server's.
 *
 * - PostgreSQL asks for the password in clear and gives it to LDAP (`pg_hba.conf`): `startLdap` is that LDAP.
 * - MariaDB asks for it by `mysql_clear_password` and gives it to PAM: `pamService` and `startPam` are what PAM runs.
 * - Redis has no such thing: `startRedisFront` stands before it, answers AUTH itself, and passes everything else.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import type { Scope } from "../cluster/scope.ts";

/** Whether the token is good for the user; every one that came is kept by whoever judges. */
export type Judge = (user: string, token: string) => boolean;

async function listen(scope: Scope, server: Server): Promise<number> {
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", () => done());
  });
  scope.onStop(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** The part of LDAP (RFC 4511) that a simple bind needs: BindRequest, BindResponse, UnbindRequest. */
export function startLdap(scope: Scope, judge: Judge): Promise<number> {
  return listen(
    scope,
    createServer((socket) => {
      let held = Buffer.alloc(0);
      socket.on("error", () => {});
      socket.on("data", (data) => {
        held = Buffer.concat([held, data]);
        for (;;) {
          const message = element(held, 0);
          if (!message) return;
          const body = held.subarray(message.start, message.end);
          held = held.subarray(message.end);
          const id = required(element(body, 0));
          const operation = required(element(body, id.end));
          if (operation.tag !== 0x60) {
            socket.end();
            return;
          }
          const version = required(element(body, operation.start));
          const name = required(element(body, version.end));
          const password = required(element(body, name.end));
          const user = /^uid=([^,]+),/.exec(body.toString("utf8", name.start, name.end))?.[1] ?? "";
          const good = judge(user, body.toString("utf8", password.start, password.end));
          // BindResponse: success, or invalidCredentials.
          const answer = Buffer.from([0x61, 7, 0x0a, 1, good ? 0 : 49, 4, 0, 4, 0]);
          const head = body.subarray(0, id.end);
          socket.write(Buffer.concat([Buffer.from([0x30, head.length + answer.length]), head, answer]));
        }
      });
    }),
  );
}

/** One BER element: its tag and where its content is; undefined when it is not all there. */
function element(bytes: Buffer, at: number): { tag: number; start: number; end: number } | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined) return undefined;
  const extra = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + extra;
  if (bytes.length < start) return undefined;
  const end = start + (extra === 0 ? first : bytes.readUIntBE(at + 2, extra));
  return bytes.length < end ? undefined : { tag, start, end };
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("an LDAP message that is cut off");
  return value;
}

/** Writes a folder with one PAM service that asks the judge at `port`. */
export function pamService(folder: string, name: string, port: number): void {
  mkdirSync(folder, { recursive: true });
  const script = join(folder, "ask.sh");
  writeFileSync(
    script,
    `#!/bin/bash
IFS= read -r -d '' token
exec 3<>/dev/tcp/127.0.0.1/${port}
printf '%s\\n%s\\n' "$PAM_USER" "$token" >&3
read -r answer <&3
[ "$answer" = yes ]
`,
  );
  chmodSync(script, 0o755);
  const auth = `auth required pam_exec.so expose_authtok quiet ${script}\n`;
  writeFileSync(join(folder, name), `${auth}account required pam_permit.so\n`);
  chmodSync(folder, 0o755);
}

/** Answers the script of `pamService`. */
export function startPam(scope: Scope, judge: Judge): Promise<number> {
  return listen(
    scope,
    createServer((socket) => {
      let text = "";
      socket.on("error", () => {});
      socket.on("data", (data) => {
        text += data.toString("utf8");
        const [user, token, rest] = text.split("\n");
        if (user !== undefined && token !== undefined && rest !== undefined) {
          socket.end(judge(user, token) ? "yes\n" : "no\n");
        }
      });
    }),
  );
}

/** TLS before a real Redis: the first command has to be AUTH with a good token. */
export function startRedisFront(
  scope: Scope,
  redisPort: number,
  tls: { readonly cert: string; readonly key: string },
  judge: Judge,
): Promise<number> {
  return listen(
    scope,
    createTlsServer(tls, (client) => {
      let text = "";
      client.on("error", () => {});
      const onData = (data: Buffer): void => {
        text += data.toString("latin1");
        const auth = /^\*3\r\n\$4\r\nAUTH\r\n\$\d+\r\n([^\r]*)\r\n\$(\d+)\r\n/.exec(text);
        if (!auth) {
          if (text.length > 40) client.end("-NOAUTH Authentication required.\r\n");
          return;
        }
        const [head, user = "", size] = auth;
        const end = head.length + Number(size);
        if (text.length < end + 2) return;
        client.off("data", onData);
        if (!judge(user, text.slice(head.length, end))) {
          client.end("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
          return;
        }
        client.write("+OK\r\n");
        bridge(client, connect(redisPort, "127.0.0.1"), Buffer.from(text.slice(end + 2), "latin1"));
      };
      client.on("data", onData);
    }),
  );
}

function bridge(client: Socket, server: Socket, first: Buffer): void {
  server.on("error", () => client.destroy());
  client.on("close", () => server.destroy());
  if (first.length > 0) server.write(first);
  client.pipe(server);
  server.pipe(client);
}

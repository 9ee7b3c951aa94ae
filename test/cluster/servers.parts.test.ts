/** Each server starts on a free port, answers in its own protocol, and is gone when stopped. */
import { connect } from "node:net";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, expect, test } from "vitest";
import { type Server, startMariadb, startMoto, startNats, startPostgres, startRedis } from "./servers.ts";

let server: Server | undefined;
afterEach(async () => {
  const was = server;
  server = undefined;
  await was?.stop();
  if (was !== undefined) await expect(talk(was)).rejects.toThrow(/ECONNREFUSED/);
});

/** What the server says first, or in answer to `hello`. */
function talk({ host, port }: Server, hello?: Uint8Array | string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => hello && socket.write(hello));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data);
    });
    socket.once("error", reject);
  });
}

/** A PostgreSQL request for TLS: length 8, code 80877103. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]);

test("PostgreSQL answers a request for TLS", async () => {
  server = await startPostgres();
  expect((await talk(server, SSL_REQUEST)).toString()).toBe("N");
});

test("Redis answers, and heeds its options", async () => {
  server = await startRedis(["--requirepass", "x"]);
  expect((await talk(server, "PING\r\n")).toString()).toMatch(/^-NOAUTH/);
});

test("MariaDB speaks first", async () => {
  server = await startMariadb();
  expect((await talk(server)).toString("latin1")).toContain("MariaDB");
});

test("NATS speaks first", async () => {
  server = await startNats();
  expect((await talk(server)).toString()).toMatch(/^INFO \{/);
});

test("the AWS emulator answers an AWS client", async () => {
  const moto = await startMoto();
  server = moto;
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new STSClient({ endpoint: moto.endpoint, region: "eu-west-1", credentials });
  expect((await client.send(new GetCallerIdentityCommand({}))).Account).toBe("123456789012");
});

/** Free TCP ports on loopback. */
import { createServer, type Server } from "node:net";

/**
 * Below the ports that the kernel gives to outgoing connections (`ip_local_port_range`, from 32768): one of those, free when it was
 * asked for, may be somebody's own end of a connection by the time it is bound.
 */
const LOWEST = 12_000;
const HIGHEST = 32_000;

/** That many different ports, all free when asked; held open together so that none is given twice. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 100 * count) throw new Error(`no ${count} free ports between ${LOWEST} and ${HIGHEST}`);
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const server = createServer();
    if (!(await listens(server, port))) continue;
    servers.push(server);
    ports.push(port);
  }
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((done) => {
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => done(true));
  });
}

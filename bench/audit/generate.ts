/**
 * Writes records as the proxy does, chained: `node bench/audit/generate.ts COUNT FILE [SEED]`. Who touches what follows a
 * power law over 40 services and 2,000 principals, over 30 days; one in fifty is denied. The same seed gives the same records.
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { GENESIS, seal } from "../../policy/audit/chain-line.ts";

const [count = "1000000", file = "/tmp/portreeve-records.jsonl", seed = "1"] = process.argv.slice(2);
const END = Date.parse("2026-11-21T00:00:00Z");
const DAYS = 30;

let state = Number(seed) >>> 0 || 1;
/** Mulberry32, in [0, 1). */
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const few = (bound: number): number => Math.floor(bound * random() ** 3);

const out = createWriteStream(file, { highWaterMark: 1 << 22 });
let prev = GENESIS;
const total = Number(count);
for (let seq = 0; seq < total + 2; seq++) {
  const time = new Date(END - DAYS * 86_400_000 + (seq / total) * DAYS * 86_400_000).toISOString();
  const sealed = seal(bodyOf(seq, time).slice(0, -1), "bench", seq, prev);
  prev = sealed.hash;
  if (!out.write(sealed.line)) await once(out, "drain");
}
out.end();
await once(out, "finish");

function bodyOf(seq: number, time: string): string {
  if (seq === 0)
    return JSON.stringify({
      time,
      event: "start",
      format: 1,
      proxy: "portreeve-proxy",
      policy: "sha256:bench",
    });
  if (seq === total + 1) return JSON.stringify({ time, event: "checkpoint", final: true });
  const service = few(40);
  const principal = few(2_000);
  const person = principal % 3 === 0;
  const denied = random() < 0.02;
  return JSON.stringify({
    time,
    event: "close",
    connection: `bench-${seq.toString(36)}`,
    proxy: "portreeve-proxy",
    listener: `service-${service}`,
    direction: "inbound",
    "src.addr": `10.${principal % 200}.${few(250)}.${few(250)}:${30_000 + few(30_000)}`,
    "src.identity": `spiffe://prod.example.com/ns/team-${principal % 50}/sa/app-${principal}`,
    "src.namespace": `team-${principal % 50}`,
    "src.workload": `app-${principal}`,
    ...(person && {
      "src.user": `okta:user${principal}@example.com`,
      "src.groups": ["okta:dba", `okta:team-${principal % 50}`],
    }),
    ...(denied ? {} : { "dst.addr": `10.250.0.${service}:5432` }),
    "dst.service": `service-${service}`,
    "dst.port": 5432,
    "dst.owner": `team-${service % 10}`,
    protocol: "postgres",
    verdict: denied ? "deny" : "allow",
    reason: denied ? "no-grant-for-workload" : "allowed",
    ...(denied ? {} : { rule: `grant-${service}`, position: `policies/grants.yaml:${service * 10 + 1}:1` }),
    policy: "sha256:5f0c7b1f6bd5c5a2a0a2c2f3fbb2d9a2b9a6a4f3d3d1f0e8d7c6b5a493827160",
    commit: "5a0e22a5a0e22a5a0e22a5a0e22a5a0e22a5a0e2",
    "tls.version": "TLSv1.3",
    "postgres.user": "orders",
    "postgres.database": "orders",
    bytes_sent: few(1e6),
    bytes_recv: few(1e5),
    duration: `${few(600_000)}ms`,
    "time.handshake_ms": 1.234,
    "time.queue_ms": 0.012,
    close: denied ? "denied" : "client-closed",
  });
}

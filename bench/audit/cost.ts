/**
 * What the chain costs the proxy: `bun bench/audit/cost.ts [COUNT]`. Records go through the audit log into a sink that takes
 * everything, in batches as under load, with and without a chain, and with signed checkpoints; the difference is the chain.
 */
import { generateKeyPairSync, sign } from "node:crypto";
import { AuditLog } from "../../proxy-image/audit/audit-log.ts";
import { Chain } from "../../proxy-image/audit/chain.ts";
import type { Sink } from "../../proxy-image/audit/sink.ts";

const COUNT = Number(process.argv[2] ?? 200_000);
const BATCH = 200;
const line = `${JSON.stringify({ time: new Date(0).toISOString(), event: "close", filler: "x".repeat(850) })}\n`;
const { privateKey } = generateKeyPairSync("ed25519");
const signer = { keyId: "bench", sign: async (bytes: Uint8Array) => sign(null, bytes, privateKey) };
const sink: Sink = { name: "null", write: async () => {}, close: async () => {} };

async function run(chain: Chain | undefined): Promise<number> {
  const log = new AuditLog([sink], BATCH * 2, 500, chain);
  const begin = performance.now();
  for (let done = 0; done < COUNT; done += BATCH) {
    for (let index = 0; index < BATCH; index++) log.write(line);
    await log.drained();
  }
  return ((performance.now() - begin) * 1_000) / COUNT;
}

const every = Number.POSITIVE_INFINITY;
const variants: Readonly<Record<string, () => Chain | undefined>> = {
  "no chain": () => undefined,
  chain: () => new Chain({ writer: {}, every }),
  "chain, signed every 1000": () => new Chain({ writer: {}, signer, every: 1_000 }),
};
for (const [name, make] of Object.entries(variants)) {
  await run(make());
  const times: number[] = [];
  for (let round = 0; round < 5; round++) times.push(await run(make()));
  times.sort((a, b) => a - b);
  process.stdout.write(
    `${name}: ${times[2]?.toFixed(2)} µs a record (median of 5; ${times[0]?.toFixed(2)} to ${times[4]?.toFixed(2)})\n`,
  );
}

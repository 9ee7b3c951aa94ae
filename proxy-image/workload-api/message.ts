import { BYTES, fieldKey, ProtobufReader } from "../protocol/protobuf.ts";

/** One identity that the Workload API offers, as it sends it. */
export interface OfferedSvid {
  readonly spiffeId: string;
  /** DER, one after the other: the leaf, then intermediates. */
  readonly chain: Uint8Array;
  /** DER, PKCS#8. */
  readonly key: Uint8Array;
  /** DER, one after the other: the CA certificates of the identity's own trust domain. */
  readonly bundle: Uint8Array;
  /** For what the identity is meant; empty when nobody says. */
  readonly hint: string;
}

/** `X509SVIDResponse`: everything that holds from now on, not what has changed. */
export interface SvidUpdate {
  readonly svids: readonly OfferedSvid[];
  /** By trust domain, as the server names it: DER, one after the other. */
  readonly federated: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads `X509SVIDResponse` of the SPIFFE Workload API: `svids` is field 1, `federated_bundles` field 3. Others are skipped.
 *
 * @throws Error for bytes that are no such message
 */
export function readSvidUpdate(bytes: Uint8Array): SvidUpdate {
  const svids: OfferedSvid[] = [];
  const federated = new Map<string, Uint8Array>();
  const reader = new ProtobufReader(bytes);
  while (!reader.done) {
    const key = reader.varint();
    if (key === fieldKey(1, BYTES)) svids.push(readSvid(reader.bytes()));
    else if (key === fieldKey(3, BYTES)) {
      const entry = readFields(reader.bytes());
      federated.set(textOf(entry.get(1)), entry.get(2) ?? NOTHING);
    } else reader.skip(key & 7);
  }
  return { svids, federated };
}

const NOTHING = new Uint8Array(0);

function readSvid(bytes: Uint8Array): OfferedSvid {
  const fields = readFields(bytes);
  return {
    spiffeId: textOf(fields.get(1)),
    chain: fields.get(2) ?? NOTHING,
    key: fields.get(3) ?? NOTHING,
    bundle: fields.get(4) ?? NOTHING,
    hint: textOf(fields.get(5)),
  };
}

/** Fields that are bytes, by number; of one that occurs again the last counts, as protobuf has it. */
function readFields(bytes: Uint8Array): Map<number, Uint8Array> {
  const fields = new Map<number, Uint8Array>();
  const reader = new ProtobufReader(bytes);
  while (!reader.done) {
    const key = reader.varint();
    if ((key & 7) === BYTES) fields.set(Math.floor(key / 8), reader.bytes());
    else reader.skip(key & 7);
  }
  return fields;
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : Buffer.from(bytes).toString("utf8");
}

/** istiod's CA service for tests: grpc-js as the server, certificates of the tests' own CA, lifetimes of seconds. */
import { execFileSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { type handleUnaryCall, type Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import protobuf from "google-protobuf";
import { type Authority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import type { Scope } from "../cluster/scope.ts";

export interface Asked {
  readonly token: string;
  readonly clusterId: string;
  readonly csr: string;
  readonly validitySeconds: number;
}

export interface IstiodStandIn {
  readonly port: number;
  /** Every request so far. */
  readonly asked: Asked[];
  /** What it answers with; replaced by tests. */
  answer: (asked: Asked) => Promise<readonly string[]>;
}

export const ISTIOD = "istiod.istio-system.svc";

/** @param mesh signs workloads, and istiod's own certificate */
export async function startIstiodStandIn(
  scope: Scope,
  mesh: Authority,
  answer: IstiodStandIn["answer"],
): Promise<IstiodStandIn> {
  const own = createLeaf("istiod", mesh, { dnsNames: [ISTIOD] });
  const server = new Server();
  const stand = { port: 0, asked: [] as Asked[], answer };
  const createCertificate: handleUnaryCall<Uint8Array, Buffer> = ({ metadata, request }, reply) => {
    const asked = readRequest(request, metadata);
    stand.asked.push(asked);
    stand.answer(asked).then(
      (chain) => reply(null, writeChain(chain)),
      (error: Error) => reply({ code: status.UNAUTHENTICATED, details: error.message }),
    );
  };
  const bytes = (value: Uint8Array) => Buffer.from(value);
  server.addService(
    {
      createCertificate: {
        path: "/istio.v1.auth.IstioCertificateService/CreateCertificate",
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    },
    { createCertificate },
  );
  const keyPair = { cert_chain: Buffer.from(own.cert), private_key: Buffer.from(own.key) };
  const credentials = ServerCredentials.createSsl(null, [keyPair]);
  stand.port = await new Promise<number>((done, failed) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => (error ? failed(error) : done(port)));
  });
  scope.onStop(() => server.forceShutdown());
  return stand;
}

/** Signs the key of a request: leaf first, root last. */
export function sign(
  mesh: Authority,
  { csr }: Asked,
  options: { readonly uri: string; readonly seconds: number },
): string[] {
  const publicKey = createPublicKey(execFileSync("openssl", ["req", "-pubkey", "-noout"], { input: csr }));
  const notAfter = Date.now() + options.seconds * 1_000;
  return [createLeaf("proxy", mesh, { uris: [options.uri], notAfter, publicKey }).cert, mesh.cert];
}

function readRequest(bytes: Uint8Array, metadata: Metadata): Asked {
  const reader = new protobuf.BinaryReader(bytes);
  let csr = "";
  let validitySeconds = 0;
  while (reader.nextField()) {
    if (reader.getFieldNumber() === 1) csr = reader.readString();
    else if (reader.getFieldNumber() === 3) validitySeconds = reader.readInt64();
    else reader.skipField();
  }
  const text = (key: string) => String(metadata.get(key)[0] ?? "");
  return { token: text("authorization"), clusterId: text("clusterid"), csr, validitySeconds };
}

function writeChain(chain: readonly string[]): Buffer {
  const writer = new protobuf.BinaryWriter();
  for (const certificate of chain) writer.writeString(1, certificate);
  return Buffer.from(writer.getResultBuffer());
}

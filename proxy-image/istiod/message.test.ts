import fc from "fast-check";
import protobuf from "google-protobuf";
import { expect, test } from "vitest";
import { readCertificateChain, writeCertificateRequest } from "./message.ts";

const { BinaryReader, BinaryWriter } = protobuf;

/** The fields of a request as protobuf's own library reads them. */
function readRequest(bytes: Uint8Array): { csr: string; validity: number } {
  const reader = new BinaryReader(bytes);
  const fields = { csr: "", validity: 0 };
  while (reader.nextField()) {
    if (reader.getFieldNumber() === 1) fields.csr = reader.readString();
    else if (reader.getFieldNumber() === 3) fields.validity = reader.readInt64();
    else reader.skipField();
  }
  return fields;
}

test("a request is what protobuf's own library reads", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), fc.integer({ min: 0, max: 2 ** 40 }), (csr, validity) => {
      expect(readRequest(writeCertificateRequest(csr, validity))).toEqual({ csr, validity });
    }),
  );
});

test("a chain that protobuf's own library wrote is read, other fields or not", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 300 })), (chain) => {
      const writer = new BinaryWriter();
      writer.writeInt64(7, 12_345);
      for (const certificate of chain) writer.writeString(1, certificate);
      writer.writeString(9, "later");
      writer.writeFixed32(10, 1);
      writer.writeFixed64(11, 1);
      expect(readCertificateChain(writer.getResultBuffer())).toEqual(chain);
    }),
  );
});

test("any bytes are read or refused, and a length never reaches beyond them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        const size = readCertificateChain(bytes).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
        // A byte that is no UTF-8 becomes a character of three.
        expect(size).toBeLessThanOrEqual(3 * bytes.length);
      } catch (error) {
        expect((error as Error).message).toMatch(/^the answer /);
      }
    }),
  );
});

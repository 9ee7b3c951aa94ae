import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";

/** The certificates of one run: an authority, the proxies' and the client's. */
export function writeCertificates(certs: string): void {
  const ca = createAuthority("bench CA");
  writeFileSync(join(certs, "ca.pem"), ca.cert);
  for (const name of ["server", "client"]) {
    const leaf = createLeaf(name, ca, {
      uris: [`spiffe://perf.test/ns/default/sa/${name}`],
      dnsNames: ["localhost"],
    });
    writeFileSync(join(certs, `${name}.pem`), leaf.cert);
    writeFileSync(join(certs, `${name}.key`), leaf.key);
    writeFileSync(join(certs, `${name}-bundle.pem`), leaf.cert + leaf.key);
  }
}

/** Certificates of a test, made by openssl for two days: roots `root` and `other`, and those that the first one signs for one host. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openssl } from "../../needs/openssl.js";

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Writes `NAME.pem` and `NAME.key` of both roots and of each name into the folder. */
export function makeCertificates(folder: string, names: readonly string[], host = "triton.internal"): void {
  writeFileSync(join(folder, "san"), `subjectAltName=DNS:${host}\n`);
  for (const root of ["root", "other"]) {
    const files = ["-keyout", `${root}.key`, "-out", `${root}.pem`];
    openssl(folder, "req", "-x509", ...EC, "-days", "2", "-subj", `/CN=${root}`, ...files);
  }
  const signed = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2", "-extfile", "san"];
  for (const name of names) {
    openssl(folder, "req", ...EC, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    openssl(folder, "x509", "-req", "-in", `${name}.csr`, ...signed, "-out", `${name}.pem`);
  }
}

/**
 * TLS of the gRPC port: PEM files → the options of a TLS server; with mutual TLS, clients need a certificate too.
 */
import { readFile } from "node:fs/promises";
import { createSecureContext, type TlsOptions } from "node:tls";
import { invalid } from "../../../base/errors.js";
import { NO_STATE, stateOf } from "../../../base/watched-file.js";

export interface GrpcTls {
  /** PEM files. */
  readonly certificate: string;
  readonly key: string;
  /** Authorities that sign clients' certificates; needed for `mutual`. */
  readonly rootCertificate?: string;
  /** Refuses clients without a certificate that the root signed. */
  readonly mutual?: boolean;
}

/** The options of a server's TLS, and the state of the files that they were read from. */
export interface SecureFiles {
  readonly tls: GrpcTls;
  readonly options: SecureOptions;
  readonly state: string;
}

type SecureOptions = TlsOptions & { readonly cert: Buffer; readonly ca?: Buffer };

/** State of the files as a whole; none while one of them is missing. */
export async function stateOfFiles({ certificate, key, rootCertificate }: GrpcTls): Promise<string> {
  const states = await Promise.all([certificate, key, ...(rootCertificate ? [rootCertificate] : [])].map(stateOf));
  return states.includes(NO_STATE) ? NO_STATE : states.join();
}

/** @throws RuntimeFault that names the flag whose file is missing or is not PEM */
export async function openTls(tls: GrpcTls): Promise<SecureFiles> {
  const state = await stateOfFiles(tls);
  return { tls, state, options: await secureOptions(tls) };
}

/** @throws RuntimeFault as `openTls` */
export async function secureOptions(tls: GrpcTls): Promise<SecureOptions> {
  const { mutual = false } = tls;
  const cert = await pem(tls.certificate, "--grpc-server-cert");
  const key = await pem(tls.key, "--grpc-server-key");
  const ca = mutual || tls.rootCertificate ? await pem(tls.rootCertificate ?? "", "--grpc-root-cert") : undefined;
  const options = { cert, key, ...(ca && { ca }) };
  try {
    createSecureContext(options);
  } catch (error) {
    throw invalid(
      `--grpc-server-cert '${tls.certificate}' and --grpc-server-key '${tls.key}' can't be used together: ${(error as Error).message}; give the certificate and the key that belongs to it, both as PEM`,
      { cause: error },
    );
  }
  return {
    ...options,
    minVersion: "TLSv1.2",
    requestCert: mutual,
    rejectUnauthorized: mutual,
  };
}

async function pem(file: string, flag: string): Promise<Buffer> {
  if (!file) throw invalid(`${flag} is not given, and TLS on the gRPC port needs it`);
  const content = await readFile(file).catch(error => {
    throw invalid(`${flag} '${file}' can't be read: ${(error as Error).message}`, { cause: error });
  });
  if (!content.includes("-----BEGIN "))
    throw invalid(`${flag} '${file}' holds no PEM block; convert it with \`openssl\``);
  return content;
}

/**
 * The certificates of the gRPC port while the server runs: read again when their files change, and the time until they expire.
 */
import { X509Certificate } from "node:crypto";
import type { Server } from "node:tls";
import { watchFile } from "../../../base/watched-file.js";
import type { ServerLog } from "../../observe/server-log.js";
import { type SecureFiles, secureOptions, stateOfFiles } from "./tls.js";

export interface Certificates {
  /** Reads the files again if they have changed: later handshakes get the new certificates. */
  look(): Promise<void>;
  /** Days until the first certificate of the server's file expires; negative afterwards. */
  daysLeft(): number;
  close(): void;
}

const LOOK_EVERY_MS = 5000;
const DAY_MS = 86_400_000;
/** A certificate that is renewed by itself has more left. */
const FEW_DAYS = 7;

/** @param server gets the certificates of changed files */
export function followCertificates(
  { tls, options, state }: SecureFiles,
  server: Pick<Server, "setSecureContext">,
  log: Pick<ServerLog, "info" | "warning" | "error">,
): Certificates {
  const warn = (pems: SecureFiles["options"]): void => {
    for (const text of complaints(tls, pems)) log.warning("tls", text);
  };
  warn(options);
  const file = watchFile({
    file: tls.certificate,
    first: options,
    state,
    everyMs: LOOK_EVERY_MS,
    stateNow: () => stateOfFiles(tls),
    async read() {
      const next = await secureOptions(tls);
      server.setSecureContext(next);
      log.info("tls", `read the certificate '${tls.certificate}' again: it is valid until ${dayOf(endOf(next.cert))}`);
      warn(next);
      return next;
    },
    warn: text => log.error("tls", text),
  });
  return {
    look: file.look,
    daysLeft: () => (endOf(file.current.cert) - Date.now()) / DAY_MS,
    close: file.close,
  };
}

const BLOCK = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[\s\S]*?-----END \1-----/g;
/** OpenSSL has checked those that it uses, and ignores others. */
const certificatesOf = (pem: Buffer): readonly X509Certificate[] =>
  (pem.toString("latin1").match(BLOCK) ?? []).flatMap(block => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
/** A chain ends with the first of its certificates. */
const endOf = (pem: Buffer): number => Math.min(...certificatesOf(pem).map(({ validTo }) => Date.parse(validTo)));
const dayOf = (time: number): string => new Date(time).toISOString().replace(/\.\d+/, "");

/** @returns a warning for each certificate that the other side refuses, now or soon */
function complaints(tls: SecureFiles["tls"], { cert, ca }: SecureFiles["options"]): readonly string[] {
  const now = Date.now();
  const named = `--grpc-server-cert '${tls.certificate}'`;
  const texts: string[] = [];
  const end = endOf(cert);
  const begin = Math.max(...certificatesOf(cert).map(({ validFrom }) => Date.parse(validFrom)));
  if (end < now)
    texts.push(`${named} expired at ${dayOf(end)}: clients refuse it. Renew it; a changed file is read again`);
  else if (end - now < FEW_DAYS * DAY_MS)
    texts.push(`${named} expires at ${dayOf(end)}: renew it; a changed file is read again`);
  if (begin > now) texts.push(`${named} is valid from ${dayOf(begin)} only: clients refuse it until then`);
  const roots = ca ? certificatesOf(ca) : [];
  if (roots.length > 0 && roots.every(({ validTo }) => Date.parse(validTo) < now))
    texts.push(`--grpc-root-cert '${tls.rootCertificate}' has expired: the certificates of all clients are refused`);
  return texts;
}

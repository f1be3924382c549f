/** Faults of a store's file, and ways out, that several databases share. */
import { invalid, type RuntimeFault } from "../../base/errors.js";
import type { ConnectionSettings } from "./connection-settings.js";

export const START = "Start it, or correct `url`.";
export const TLS =
  "Correct `tls`: name the authority of its certificate in `tls.ca`, or leave `tls` out for a server without TLS.";
export const makeIt = (kind: "collection" | "table"): string =>
  `Make it with \`merlon vectors load\`, or correct \`${kind}\`.`;

export type Refuse = (what: string, way: string) => RuntimeFault;

/** @param where the store in messages */
export const refuses =
  (where: string): Refuse =>
  (what, way) =>
    invalid(`${where}: ${what}. ${way}`);

/** @throws RuntimeFault if the server has no collection or table of the name */
export function needFound<T>(found: T | undefined, where: string, kind: "collection" | "table", name: string): T {
  if (found !== undefined) return found;
  throw invalid(`${where} has no ${kind} \`${name}\`. ${makeIt(kind)}`);
}

/**
 * @param schemes as `URL.protocol` has them
 * @param forms how an address is written
 * @throws RuntimeFault for a text that is not an address of the database
 */
export function readAddress(
  { url, where }: ConnectionSettings,
  schemes: RegExp,
  database: string,
  forms: string,
): { readonly address: URL; readonly odd: (what: string) => RuntimeFault } {
  const odd = (what: string): RuntimeFault => refuses(where)(`\`url\` ${what}`, `Write ${forms}.`);
  let address: URL;
  try {
    address = new URL(url.reveal());
  } catch {
    throw odd("is not an address");
  }
  if (!schemes.test(address.protocol)) throw odd(`is not an address of ${database}`);
  return { address, odd };
}

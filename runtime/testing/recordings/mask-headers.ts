/**
 * Headers of a cassette: headers about the connection are left out, and the values of possible secrets are masked.
 */
import type { IncomingHttpHeaders } from "node:http";

const DULL =
  /^(:|content-|transfer-encoding$|connection$|keep-alive$|host$|te$|user-agent$|accept|grpc-(accept-)?encoding$|inference-header)/;
const SECRET = /auth|token|secret|password|cookie|api-?key|credential|signature|session/i;

export const MASK = "<masked>";

/** @param also names that are secrets here, in whatever case, besides those that look like one */
export const maskHeaders = (
  headers: IncomingHttpHeaders,
  also: readonly string[] = [],
): Readonly<Record<string, string>> => {
  const secrets = new Set(also.map(name => name.trim().toLowerCase()));
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      DULL.test(name) || value === undefined
        ? []
        : [[name, SECRET.test(name) || secrets.has(name.toLowerCase()) ? MASK : String(value)]],
    ),
  );
};

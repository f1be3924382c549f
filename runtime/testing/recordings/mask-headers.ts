/**
 * Headers as a cassette keeps them: those that tell how the connection is run are left out, and the values of those that may be secrets are masked.
 */
import type { IncomingHttpHeaders } from "node:http";

const DULL =
  /^(:|content-|transfer-encoding$|connection$|keep-alive$|host$|te$|user-agent$|accept|grpc-(accept-)?encoding$|inference-header)/;
const SECRET = /auth|token|secret|password|cookie|api-?key|credential|signature|session/i;

export const MASK = "<masked>";

/** @param also names that are secrets here, besides those that look like one */
export const maskHeaders = (
  headers: IncomingHttpHeaders,
  also: readonly string[] = [],
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      DULL.test(name) || value === undefined
        ? []
        : [[name, SECRET.test(name) || also.includes(name.toLowerCase()) ? MASK : String(value)]],
    ),
  );

/**
 * Collects a request's body: bounded, in one growing buffer (a million one-byte chunks cost a megabyte, not a million objects), unpacked.
 */
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip, inflate, inflateRaw } from "node:zlib";
import { RuntimeFault } from "../../errors.js";

const tooLarge = (limit: number): RuntimeFault =>
  new RuntimeFault(
    "INVALID_ARGUMENT",
    `the request body is larger than ${limit} bytes. Use --http-max-input-size to increase the limit.`,
  );

/** @throws RuntimeFault when the body is larger than `limit` */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > limit) throw tooLarge(limit);
  let buffer = Buffer.allocUnsafe(Math.max(declared, 1024));
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (length + chunk.length > limit) throw tooLarge(limit);
    if (length + chunk.length > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(limit, Math.max(buffer.length * 2, length + chunk.length)));
      larger.set(buffer.subarray(0, length));
      buffer = larger;
    }
    buffer.set(chunk, length);
    length += chunk.length;
  }
  return buffer.subarray(0, length);
}

/** Unpacks a body by its `Content-Encoding`. @throws RuntimeFault */
export async function unpackBody(body: Buffer, encoding: string | undefined, limit: number): Promise<Buffer> {
  const options = { maxOutputLength: limit };
  try {
    if (!encoding || encoding === "identity") return body;
    if (encoding === "gzip") return await promisify<Buffer, object, Buffer>(gunzip)(body, options);
    if (encoding === "deflate") {
      const zlibHead = body.length >= 2 && (body[0]! & 0x0f) === 8 && ((body[0]! << 8) | body[1]!) % 31 === 0;
      return await promisify<Buffer, object, Buffer>(zlibHead ? inflate : inflateRaw)(body, options);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(limit);
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `the request body is not ${encoding} data: ${(error as Error).message}`,
      { cause: error },
    );
  }
  throw new RuntimeFault("UNSUPPORTED", "Unsupported compression type");
}

/**
 * Sends one recorded HTTP request over a bare socket and returns the response: status, headers and body, decompressed.
 */
import { connect } from "node:net";
import { gunzipSync, inflateSync } from "node:zlib";
import type { HttpRecord } from "./records.js";

const PATIENCE_MS = 30_000;

export interface Received {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}
export type HttpRequest = Pick<HttpRecord, "method" | "path" | "headers" | "body" | "raw_request_base64">;

function requestBytes({ method, path, headers, body, raw_request_base64 }: HttpRequest): Buffer {
  if (raw_request_base64 !== undefined) return Buffer.from(raw_request_base64, "base64");
  const bytes = body?.base64 === undefined ? Buffer.from(body?.text ?? "") : Buffer.from(body.base64, "base64");
  const framed = headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
  const sendsLength = !framed && (body !== undefined || method === "POST" || method === "PUT");
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "Host: localhost",
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(sendsLength ? [`Content-Length: ${bytes.length}`] : []),
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(lines.join("\r\n"), "latin1"), bytes]);
}

/** @returns undefined when the connection was closed without an answer */
export function sendHttp(host: string, port: number, request: HttpRequest): Promise<Received | undefined> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect(port, host, () => socket.write(requestBytes(request)));
    const timer = setTimeout(
      () => socket.destroy(new Error(`no answer; got ${received.toString("latin1")}`)),
      PATIENCE_MS,
    );
    const done = (answer: Received | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.on("error", error => {
      clearTimeout(timer);
      if ((error as NodeJS.ErrnoException).code === "ECONNRESET") resolve(parseAnswer(received, request.method, true));
      else reject(error);
    });
    socket.on("data", chunk => {
      received = Buffer.concat([received, chunk]);
      const answer = parseAnswer(received, request.method, false);
      if (answer) done(answer);
    });
    socket.on("end", () => done(parseAnswer(received, request.method, true)));
  });
}

function parseAnswer(bytes: Buffer, method: string, closed: boolean): Received | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first, ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const headers = lines
    .map((line): readonly [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    })
    .filter(([name]) => name.toLowerCase() !== "date");
  const find = (name: string): string | undefined => headers.find(([key]) => key.toLowerCase() === name)?.[1];
  const status = Number(first!.split(" ")[1]);
  const rest = bytes.subarray(end + 4);
  // A `100 Continue` precedes the response itself.
  if (status === 100) return parseAnswer(rest, method, closed);
  const sent =
    method === "HEAD" ? Buffer.alloc(0) : body(rest, find("transfer-encoding"), find("content-length"), closed);
  if (!sent) return undefined;
  const encoding = find("content-encoding");
  return {
    status,
    headers,
    body: encoding === "gzip" ? gunzipSync(sent) : encoding === "deflate" ? inflateSync(sent) : sent,
  };
}

function body(
  bytes: Buffer,
  transfer: string | undefined,
  length: string | undefined,
  closed: boolean,
): Buffer | undefined {
  if (transfer === "chunked") return joinChunks(bytes);
  if (length === undefined) return closed ? bytes : undefined;
  return bytes.length >= Number(length) ? bytes.subarray(0, Number(length)) : undefined;
}

function joinChunks(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    if (bytes.length < line + 4 + size) return undefined;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 4 + size;
  }
}

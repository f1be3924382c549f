#!/usr/bin/env node
/**
 * The content mapper that TypeScript 7.1 starts for `"contentMappers": [{ "package": "merlon", "extensions": [".merlon"] }]`: JSON-RPC over
 * stdin and stdout, framed as in the Language Server Protocol. It ends with its input.
 */
import type { MappedFile } from "./mapped-file.js";

interface Request {
  readonly id?: number | string;
  readonly method: string;
  readonly params?: { readonly fileName?: unknown; readonly content?: unknown };
}

/** A frame that announces more is not TypeScript's. */
const MAX_BYTES = 256 * 2 ** 20;
const MAX_HEAD = 8192;

/** JSON-RPC: no such method. */
const METHOD_NOT_FOUND = -32_601;
/** JSON-RPC: the request failed. */
const INTERNAL_ERROR = -32_603;

async function answer({ method, params }: Request): Promise<unknown> {
  switch (method) {
    // TypeScript gives a mapper five seconds for this: the compiler is loaded with the first file.
    case "initialize":
      return { positionEncoding: "utf-16", diagnosticSource: "merlon" };
    case "openProject":
    case "closeProject":
      return {};
    case "transform":
      return transform(String(params?.content ?? ""), String(params?.fileName ?? ""));
    default:
      throw Object.assign(new Error(`merlon's content mapper has no method ${method}`), { code: METHOD_NOT_FOUND });
  }
}

async function transform(content: string, file: string): Promise<MappedFile> {
  const [{ mapFile }, { findEnvironment }] = await Promise.all([
    import("./mapped-file.js"),
    import("../typegen/environment.js"),
  ]);
  return mapFile(content, file, findEnvironment(file));
}

function send(message: object): void {
  const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
  process.stdout.write(`Content-Length: ${body.length}\r\n\r\n`);
  process.stdout.write(body);
}

/** Answers a request; a notification has no answer. */
function handle(request: Request): void {
  const { id } = request;
  const answered = (message: object): void => {
    if (id !== undefined) send({ id, ...message });
  };
  answer(request).then(
    result => answered({ result }),
    ({ message, code = INTERNAL_ERROR }: Error & { code?: number }) => answered({ error: { code, message } }),
  );
}

/** Ends the process: nothing after a broken frame can be read. */
function refuse(): never {
  process.stderr.write("merlon's content mapper: the input is not a message of TypeScript's\n");
  process.exit(1);
}

function parse(text: string): Request {
  try {
    return JSON.parse(text) as Request;
  } catch {
    return refuse();
  }
}

let received: Buffer = Buffer.alloc(0);
process.stdin.on("data", (chunk: Buffer) => {
  received = received.length ? Buffer.concat([received, chunk]) : chunk;
  for (;;) {
    const end = received.indexOf("\r\n\r\n");
    if (end < 0 && received.length <= MAX_HEAD) return;
    const head = received.subarray(0, Math.max(0, end)).toString("latin1");
    const length = Number(/(?:^|\r\n)content-length: *(\d+)(?:\r\n|$)/i.exec(head)?.[1] ?? Number.NaN);
    if (!(length <= MAX_BYTES)) refuse();
    const body = end + 4;
    if (received.length < body + length) return;
    const text = received.subarray(body, body + length).toString("utf8");
    received = received.subarray(body + length);
    handle(parse(text));
  }
});

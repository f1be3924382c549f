/**
 * Sends one recorded HTTP request over a bare socket and answers what came back, in the records' own form.
 */
import { connect } from "node:net";
import { gunzipSync, inflateSync } from "node:zlib";

export interface HttpRecord {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: { readonly text?: string; readonly base64?: string };
  readonly response: HttpAnswer;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: {
    readonly text?: string;
    readonly json?: unknown;
    readonly base64?: string;
    readonly header_text?: string;
    readonly binary_base64?: string;
    readonly key_order_free?: boolean;
  };
}

function requestBytes(record: HttpRecord): Buffer {
  const body =
    record.body?.base64 === undefined
      ? Buffer.from(record.body?.text ?? "")
      : Buffer.from(record.body.base64, "base64");
  const sendsLength = record.body !== undefined || record.method === "POST" || record.method === "PUT";
  const lines = [
    `${record.method} ${record.path} HTTP/1.1`,
    "Host: localhost",
    ...record.headers.map(([name, value]) => `${name}: ${value}`),
    ...(sendsLength ? [`Content-Length: ${body.length}`] : []),
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(lines.join("\r\n")), body]);
}

export function replayHttp(port: number, record: HttpRecord): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect(port, "127.0.0.1", () => socket.write(requestBytes(record)));
    const timer = setTimeout(
      () => socket.destroy(new Error(`${record.id}: no answer; got ${received.toString("latin1")}`)),
      5000,
    );
    socket.on("error", reject);
    socket.on("data", chunk => {
      received = Buffer.concat([received, chunk]);
      const answer = parseAnswer(received, record.method);
      if (!answer) return;
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    });
  });
}

function parseAnswer(bytes: Buffer, method: string): HttpAnswer | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first, ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const headers = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const find = (name: string): string | undefined => headers.find(([key]) => key.toLowerCase() === name)?.[1];
  const length = method === "HEAD" ? 0 : Number(find("content-length") ?? "0");
  const sent = bytes.subarray(end + 4);
  if (sent.length < length) return undefined;
  const encoding = find("content-encoding");
  const body = encoding === "gzip" ? gunzipSync(sent) : encoding === "deflate" ? inflateSync(sent) : sent;
  const jsonLength = find("inference-header-content-length");
  return {
    status: Number(first!.split(" ")[1]),
    headers,
    body:
      jsonLength === undefined
        ? { text: body.toString("utf8") }
        : {
            header_text: body.toString("utf8", 0, Number(jsonLength)),
            binary_base64: body.subarray(Number(jsonLength)).toString("base64"),
          },
  };
}

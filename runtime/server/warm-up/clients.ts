/**
 * The least clients of HTTP/2 and of HTTP/1: bytes that are made once are sent again and again. A library's client would take as much of the
 * event loop as the server does.
 */
import type { Server, Socket } from "node:net";
import { encodeFields } from "../transport/http2/hpack-encode.js";
import { connectTo } from "./private-connection.js";

export interface Client {
  /** Sends requests at the same time, and resolves when all are answered. @throws Error for an answer that is a fault, and a closed connection */
  send(requests: readonly Buffer[]): Promise<void>;
  close(): void;
}

/** @param take reads a chunk @returns how many responses end in it */
async function openClient(
  server: Server,
  take: (chunk: Buffer) => number,
  write: (socket: Socket, requests: readonly Buffer[]) => void,
): Promise<Client> {
  const socket = await connectTo(server);
  let left = 0;
  let settle: { readonly resolve: () => void; readonly reject: (fault: Error) => void } | undefined;
  socket.on("close", () => settle?.reject(new Error("the connection is closed")));
  socket.on("data", chunk => {
    try {
      left -= take(chunk);
      if (left <= 0) settle?.resolve();
    } catch (error) {
      settle?.reject(error as Error);
    }
  });
  return {
    send: requests =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error("the connection is closed"));
        left = requests.length;
        settle = { resolve, reject };
        write(socket, requests);
      }),
    close: () => socket.destroy(),
  };
}

/** A response is read whole before the next request is sent. */
export function http1Client(server: Server): Promise<Client> {
  let text = Buffer.alloc(0);
  const take = (chunk: Buffer): number => {
    text = Buffer.concat([text, chunk]);
    const head = text.indexOf("\r\n\r\n");
    if (head < 0) return 0;
    if (!text.toString("latin1", 0, 12).endsWith(" 200")) throw new Error(text.toString("latin1"));
    const [, length] = /content-length: (\d+)/i.exec(text.toString("latin1", 0, head)) ?? [];
    if (text.length < head + 4 + Number(length)) return 0;
    text = text.subarray(head + 4 + Number(length));
    return 1;
  };
  return openClient(server, take, (socket, requests) => {
    for (const bytes of requests) socket.write(bytes);
  });
}

/** @param body JSON */
export function http1Request(path: string, body: string): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + body);
}

const [DATA, HEADERS, SETTINGS, WINDOW_UPDATE] = [0, 1, 4, 8];
const [END_STREAM, END_HEADERS, ACK] = [1, 4, 1];
const FRAME_HEAD = 9;
const LARGEST_WINDOW = 2 ** 31 - 1;
const FIRST_WINDOW = 65_535;
const INITIAL_WINDOW_SIZE = 4;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The client's part of opening a connection, with windows that nothing here fills. */
function preface(): Buffer {
  const setting = Buffer.alloc(6);
  setting.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
  setting.writeUInt32BE(LARGEST_WINDOW, 2);
  const more = Buffer.alloc(4);
  more.writeUInt32BE(LARGEST_WINDOW - FIRST_WINDOW, 0);
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(SETTINGS, 0, 0, setting),
    frame(WINDOW_UPDATE, 0, 0, more),
    frame(SETTINGS, ACK, 0, Buffer.alloc(0)),
  ]);
}

/** A call without a message in its response is a fault: its status is in the trailers. */
export async function http2Client(server: Server): Promise<Client> {
  let rest = Buffer.alloc(0);
  let stream = -1;
  const withData = new Set<number>();
  const take = (chunk: Buffer): number => {
    rest = Buffer.concat([rest, chunk]);
    let ended = 0;
    while (rest.length >= FRAME_HEAD && rest.length >= FRAME_HEAD + rest.readUIntBE(0, 3)) {
      const [of, isLast] = [rest.readUInt32BE(5), (rest[4]! & END_STREAM) !== 0];
      if (rest[3] === DATA) withData.add(of);
      if (isLast && (rest[3] === DATA || rest[3] === HEADERS)) {
        if (!withData.delete(of)) throw new Error("the call failed");
        ended++;
      }
      rest = rest.subarray(FRAME_HEAD + rest.readUIntBE(0, 3));
    }
    return ended;
  };
  let opened = false;
  return openClient(server, take, (socket, requests) => {
    if (!opened) socket.write(preface());
    opened = true;
    for (const bytes of requests) {
      stream += 2;
      const own = Buffer.from(bytes);
      for (let at = 0; at < own.length; at += FRAME_HEAD + own.readUIntBE(at, 3)) own.writeUInt32BE(stream, at + 5);
      socket.write(own);
    }
  });
}

/** Frames whose stream is filled in. @param message with the prefix of gRPC */
export function grpcRequest(path: string, message: Buffer): Buffer {
  const fields = encodeFields([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ]);
  return Buffer.concat([frame(HEADERS, END_HEADERS, 0, fields), frame(DATA, END_STREAM, 0, message)]);
}

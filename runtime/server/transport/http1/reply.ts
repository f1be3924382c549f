/**
 * The head of a response, and its writing to the socket with its body: small ones in one piece, large ones without a copy.
 */
import type { Socket } from "node:net";

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Payload Too Large",
  417: "Expectation Failed",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};
/** Copying this number of bytes costs less than a second piece. */
const ONE_PIECE = 2 ** 14;

export const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
/** The response to a connection whose bytes can't be parsed. */
export const BAD_REQUEST = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/** Names and values of an answer's headers, in the order they are sent. */
export type ReplyFields = readonly (readonly [name: string, value: string | number])[];

/** The head as text, with its empty line. */
export function printHead(status: number, fields: ReplyFields): string {
  let text = `HTTP/1.1 ${status} ${REASONS[status] ?? "Unknown"}\r\n`;
  for (const [name, value] of fields) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}

/** @param done when the socket has sent it, or can't */
export function writeReply(socket: Socket, head: string, body: readonly Buffer[], done?: () => void): void {
  let size = 0;
  for (const piece of body) size += piece.length;
  if (size <= ONE_PIECE) {
    const all = Buffer.allocUnsafe(head.length + size);
    let at = all.write(head, "latin1");
    for (const piece of body) {
      all.set(piece, at);
      at += piece.length;
    }
    socket.write(all, done);
    return;
  }
  socket.cork();
  socket.write(head, "latin1");
  const last = body.length - 1;
  for (let i = 0; i < last; i++) socket.write(body[i]!);
  socket.write(body[last]!, done);
  socket.uncork();
}

/**
 * Bounds what brokers send. The client keeps a response until it is whole, whatever length its first bytes name, and it has no limit of its own.
 */
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** Bytes between two requests of a connection. The responses to a producer are its topic's partitions at most. */
const MOST_BYTES = 4 * 2 ** 20;

let isDone = false;

/** From now on, connections of this thread, which is the client's own, end when a response is too long. */
export function boundResponses(): void {
  if (isDone) return;
  isDone = true;
  // Published when a connection has a socket.
  subscribe("tracing:plt:kafka:connections:connects:end", message => {
    const { socket } = (message as { readonly connection: { readonly socket?: Socket } }).connection;
    socket?.once(socket instanceof TLSSocket ? "secureConnect" : "connect", () => bound(socket));
  });
}

function bound(socket: Socket): void {
  let sent = 0;
  let received = 0;
  socket.on("data", chunk => {
    if (socket.bytesWritten !== sent) received = 0;
    sent = socket.bytesWritten;
    received += chunk.length;
    if (received > MOST_BYTES) socket.destroy(new Error(`a broker sends a response of more than ${MOST_BYTES} bytes`));
  });
}

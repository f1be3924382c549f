/**
 * Sockets read into one shared buffer, if Node's sockets are as they were when this was written; otherwise into buffers of their own.
 */
import { connect, createServer, Socket } from "node:net";
import { expect, test } from "vitest";
import { readInto } from "#runtime/server/transport/read-into.js";

class OtherSocket extends Socket {}

test.each([
  ["a plain socket", (socket: Socket) => socket, true],
  ["another kind of socket", (socket: Socket) => Object.setPrototypeOf(socket, OtherSocket.prototype) as Socket, false],
])("%s gives all bytes in order, and reports its end", async (_, make, isShared) => {
  const sent = Buffer.from(Uint32Array.from({ length: 2 ** 19 }, (_, i) => i).buffer);
  const server = createServer();
  const came = new Promise<{ bytes: Buffer; memories: Set<ArrayBufferLike> }>(resolve =>
    server.on("connection", accepted => {
      const socket = make(accepted);
      const chunks: Buffer[] = [];
      const memories = new Set<ArrayBufferLike>();
      readInto(socket, chunk => {
        memories.add(chunk.buffer);
        chunks.push(Buffer.from(chunk));
      });
      socket.on("end", () => {
        socket.destroy();
        resolve({ bytes: Buffer.concat(chunks), memories });
      });
    }),
  );
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  connect(port, "127.0.0.1").end(sent);
  const { bytes, memories } = await came;
  server.close();
  expect(bytes.equals(sent)).toBe(true);
  expect(memories.size === 1).toBe(isShared);
});

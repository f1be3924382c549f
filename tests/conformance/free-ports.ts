/**
 * Ports for processes that need them in advance.
 *
 * They are below the range of outgoing connections (32,768 and up on Linux). A free port of that range may become some client's socket
 * before the process binds it, while other tests run.
 */
import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";

const FIRST = 10_240;
const LAST = 32_000;

/**
 * The next candidate: each process begins at another port and continues from there, so that no port is given twice while a first process
 * starts.
 */
let next = randomInt(FIRST, LAST);
const advance = (): number => {
  next = next + 1 < LAST ? next + 1 : FIRST;
  return next;
};

/** A server that occupies an unused port of 127.0.0.1 and hangs up on connections. */
export async function holdPort(): Promise<Server> {
  for (;;) {
    const server = createServer(socket => socket.destroy());
    const held = await new Promise<boolean>(resolve => {
      server.once("error", () => resolve(false));
      server.listen(advance(), "127.0.0.1", () => resolve(true));
    });
    if (held) return server;
  }
}

export const portOf = (server: Server): number => (server.address() as { port: number }).port;

/** An unused port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = await holdPort();
  const port = portOf(server);
  await new Promise(done => server.close(done));
  return port;
}

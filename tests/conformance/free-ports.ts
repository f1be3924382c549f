/**
 * Ports for processes that must be told theirs beforehand.
 *
 * Taken from below the range that the kernel hands to outgoing connections (32,768 and up on Linux): a port of that range that was free a
 * moment ago may be some client's socket by the time that the process binds it, while other tests run beside this one.
 */
import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";

const FIRST = 10_240;
const LAST = 32_000;

/** Where to look next: each process begins somewhere else and goes on from there, so that no port is given twice while a first taker starts. */
let next = randomInt(FIRST, LAST);
const advance = (): number => {
  next = next + 1 < LAST ? next + 1 : FIRST;
  return next;
};

/** A server that holds a port of 127.0.0.1 nobody has; it hangs up on whoever connects. */
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

/** A port of 127.0.0.1 that nobody has. */
export async function freePort(): Promise<number> {
  const server = await holdPort();
  const port = portOf(server);
  await new Promise(done => server.close(done));
  return port;
}

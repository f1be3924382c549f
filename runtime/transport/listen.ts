/**
 * Opens a server's socket: address and port → the port it got and a way to stop, or an error that says what is in the way.
 */
import type { AddressInfo, Server } from "node:net";

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Refuses new connections, lets those in flight end, and cuts what is left after `patience` milliseconds. */
  stop(patience: number): Promise<void>;
}

/** A socket that can't be opened; `message` is ready for the command line. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** @param drain ends connections: idle ones at once, the rest when `patience` is over; `closed` resolves when none is left */
export function listen(
  server: Pick<Server, "listen" | "close" | "address" | "once" | "off">,
  { address, port }: { readonly address: string; readonly port: number },
  drain: (closed: Promise<void>, patience: number) => Promise<void>,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const reason =
        error.code === "EADDRINUSE"
          ? `Socket '${address}:${port}' already in use; end the process that holds it or choose another port (0 takes a free one)`
          : `Socket '${address}:${port}' cannot be opened: ${error.message}`;
      reject(new ListenError(reason, { cause: error }));
    };
    server.once("error", onError);
    server.listen(port, address, () => {
      server.off("error", onError);
      resolve({
        address,
        port: (server.address() as AddressInfo).port,
        async stop(patience) {
          const closed = new Promise<void>(done => server.close(() => done()));
          await drain(closed, patience);
          await closed;
        },
      });
    });
  });
}

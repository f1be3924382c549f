/** A proxy on loopback before a server, whose connections lose what is sent over them from a moment on. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface LossyProxy {
  readonly port: number;
  /**
   * Connections that exist lose what is sent: `swallows` reads requests and delivers no replies, `gone` reads nothing, and does not answer an
   * end. New connections work.
   */
  lose(how: "swallows" | "gone"): void;
  /** Connections of clients that are open. */
  open(): number;
}

/** @param port of the server; the proxy ends with the test */
export async function startLossyProxy(port: number): Promise<LossyProxy> {
  const pairs: (readonly [client: Socket, server: Socket])[] = [];
  // A peer that has vanished does not answer an end with its own.
  const proxy = createServer({ allowHalfOpen: true }, client => {
    const server = connect(port, "127.0.0.1");
    pairs.push([client, server]);
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on("error", end).on("end", end);
    client.on("data", chunk => server.write(chunk));
    server.on("data", chunk => client.write(chunk));
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    proxy.close();
    for (const socket of pairs.flat()) socket.destroy();
  });
  return {
    port: (proxy.address() as AddressInfo).port,
    lose: how => {
      for (const [client, server] of pairs) {
        server.removeAllListeners("data").removeAllListeners("end").resume();
        if (how === "gone") client.pause();
      }
    },
    open: () => pairs.filter(([client]) => !client.destroyed).length,
  };
}

/** A connection of a server to itself, which no other process can reach: a Unix socket in a private folder that is removed at once. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import { parentOfSockets } from "../peers/socket-folder.js";

/** @param server takes the connection as one of its own @returns the client's end @throws Error without a temporary folder */
export async function connectTo(server: Server): Promise<Socket> {
  const folder = new TemporaryFolder("warm", parentOfSockets());
  try {
    const { allowHalfOpen = false } = server as Server & { readonly allowHalfOpen?: boolean };
    const listener = createServer({ allowHalfOpen });
    const path = join(folder.path, "socket");
    await once(listener.listen(path), "listening");
    const client = connect(path);
    const [[own]] = (await Promise.all([once(listener, "connection"), once(client, "connect")])) as [[Socket], unknown];
    listener.close();
    client.on("error", () => {});
    server.emit("connection", own);
    return client;
  } finally {
    await folder.dispose();
  }
}

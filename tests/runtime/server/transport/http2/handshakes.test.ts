/** Handshakes of TLS that never end: silent, a byte at a time, or no TLS at all. */
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { makeCertificates } from "../../../client/certificates.js";
import { start } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-handshakes-"));
makeCertificates(folder, ["server"]);
const pem = (name: string): Buffer => readFileSync(join(folder, name));
const tls = { cert: pem("server.pem"), key: pem("server.key") };

function dial(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  return socket.resume();
}

/** The first bytes of a client. */
async function clientHello(): Promise<Buffer> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const client = connectTls((listener.address() as { port: number }).port, "127.0.0.1");
  client.on("error", () => {});
  const [peer] = (await once(listener, "connection")) as [Socket];
  const [bytes] = (await once(peer, "data")) as [Buffer];
  client.destroy();
  listener.close();
  return bytes;
}

test("a handshake has a limit as a whole, and a connection that is past it has none", async () => {
  const server = await start({}, { tls, limits: { greetingTime: 500 } });
  const good = connectHttp2(server.url, { ca: pem("root.pem"), servername: "triton.internal" });
  onTestFinished(() => good.destroy());
  await once(good, "connect");
  const [silent, slow, plain] = [dial(server.port), dial(server.port), dial(server.port)];
  plain.write("GET / HTTP/1.1\r\n\r\n");
  const hello = await clientHello();
  let sent = 0;
  // Each byte would begin the limit of a silent socket anew.
  const trickle = setInterval(() => slow.write(hello.subarray(sent, ++sent)), 20);
  onTestFinished(() => clearInterval(trickle));
  await Promise.all([silent, slow, plain].map(socket => socket.closed || once(socket, "close")));
  expect(sent).toBeLessThan(hello.length);
  expect(good.closed).toBe(false);
  good.destroy();
  await server.stop(0);
});

test("a server that stops does not wait for a handshake that does not end", async () => {
  const patience = 600_000;
  const server = await start({}, { tls, limits: { greetingTime: patience } });
  const [silent, begun] = [dial(server.port), dial(server.port)];
  await Promise.all([silent, begun].map(socket => once(socket, "connect")));
  begun.write((await clientHello()).subarray(0, 100));
  await server.stop(patience);
  expect([silent.readyState, begun.readyState]).not.toContain("open");
});

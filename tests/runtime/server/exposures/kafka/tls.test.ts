// `kafkas:` to real brokers behind a proxy with TLS: the authority of the certificate, and certificates of clients.
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type TlsOptions } from "node:tls";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { makeCertificates } from "../../../client/certificates.js";
import { startServer } from "../../support.js";
import { loggedRepository, requestOf } from "../logged-ensemble.js";
import { startCluster, type TestCluster } from "./cluster.js";

const ROW = { user: 1, ids: [1, 2, 3, 4, 5, 6], popular: [3, 9] };
const ROWS = 7;
const folder = mkdtempSync(join(tmpdir(), "merlon-kafka-tls-"));
const file = (name: string) => join(folder, name);

let cluster: TestCluster;
let repository: string;
const proxies: (() => void)[] = [];
beforeAll(async () => {
  makeCertificates(folder, ["broker", "client"], "localhost,IP:127.0.0.1");
  [cluster, repository] = await Promise.all([startCluster({ topics: ["trusted", "mutual"] }), loggedRepository()]);
}, 60_000);
afterAll(() => {
  for (const stop of proxies) stop();
  cluster.stop();
});

/** How the protocol writes a broker's place: a text with its length, and a port. */
const place = (host: string, port: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(port);
  return Buffer.concat([Buffer.from([0, host.length]), Buffer.from(host), bytes]);
};

/** A port with TLS before the broker, which it names as the broker's own in the broker's answers. */
async function proxy(options: TlsOptions = {}): Promise<number> {
  const [host = "", port] = cluster.brokers.split(":");
  const own = { cert: readFileSync(file("broker.pem")), key: readFileSync(file("broker.key")) };
  const server = createServer({ ...own, ...options }, client => {
    const broker = connect(Number(port), host);
    client.pipe(broker);
    broker.on("data", bytes => client.write(renamed(bytes)));
    client.on("error", () => broker.destroy());
    client.on("close", () => broker.destroy());
    broker.on("error", () => client.destroy());
  });
  // The handshake fails where a client does not trust the broker.
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxies.push(() => server.close());
  const { port: secure } = server.address() as AddressInfo;
  const [before, after] = [place(host, Number(port)), place(host, secure)];
  function renamed(bytes: Buffer): Buffer {
    const compact = (one: Buffer): Buffer => Buffer.concat([Buffer.from([one[1]! + 1]), one.subarray(2)]);
    for (const [from, to] of [
      [before, after],
      [compact(before), compact(after)],
    ] as const)
      for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) to.copy(bytes, at);
    return bytes;
  }
  return secure;
}

/** Serves one request. @param until what is in its log before it ends; absent: everything is sent */
async function serve(address: string, until?: RegExp): Promise<void> {
  const server = await startServer(repository, { exposures: { folder: address }, exitTimeoutSeconds: until ? 1 : 30 });
  try {
    expect((await server.post("/v2/models/logged/infer", requestOf([ROW], { id: "r" }))).status).toBe(200);
    if (until) await vi.waitFor(() => expect(server.log.join("")).toMatch(until), 30_000);
  } finally {
    await server.stop();
  }
  if (!until) expect(server.log.join("")).not.toMatch(/exposures cannot|could not be written/);
}

test("the broker's certificate is checked against `ca`", { timeout: 120_000 }, async () => {
  const address = `kafkas://localhost:${await proxy()}/trusted`;
  await serve(address, /exposures cannot be written to 'kafkas:.*unable to verify the first certificate/);
  await serve(`${address}?ca=${file("other.pem")}`, /exposures cannot be written to 'kafkas:.*certificate/);
  expect(await cluster.read("trusted")).toEqual([]);
  await serve(`${address}?ca=${file("root.pem")}`);
  expect(await cluster.read("trusted")).toHaveLength(ROWS);
});

test("a client presents its certificate", { timeout: 120_000 }, async () => {
  const port = await proxy({ ca: readFileSync(file("root.pem")), requestCert: true, rejectUnauthorized: true });
  const address = `kafkas://localhost:${port}/mutual?ca=${file("root.pem")}`;
  await serve(address, /exposures cannot be written to 'kafkas:/);
  expect(await cluster.read("mutual")).toEqual([]);
  await serve(`${address}&cert=${file("client.pem")}&key=${file("client.key")}`);
  expect(await cluster.read("mutual")).toHaveLength(ROWS);
});

test("a port without TLS", { timeout: 120_000 }, async () => {
  await serve(
    `kafkas://${cluster.brokers}/trusted`,
    /the broker closed the connection: check whether its port has TLS/,
  );
});

/** In TLS, a name of a server is sent and an address is not. On Node 22 a test of whole connections would pass either way. */
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls, { connect, createServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { omitAddressNames } from "#runtime/server/exposures/kafka/address-names.js";
import { makeCertificates } from "../../../client/certificates.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-address-names-"));
const pem = (name: string) => readFileSync(join(folder, name));
const unpatched = tls.connect;
let server: ReturnType<typeof createServer>;

beforeAll(async () => {
  // No certificate for 127.0.0.1.
  makeCertificates(folder, ["server"], "localhost");
  server = createServer({ cert: pem("server.pem"), key: pem("server.key") }).listen(0, "127.0.0.1");
  await once(server, "listening");
  omitAddressNames();
}, 60_000);
afterAll(() => server.close());

/** @returns the name that the server received, or false */
async function receivedFor(servername: string, options: tls.ConnectionOptions = {}): Promise<unknown> {
  const { port } = server.address() as AddressInfo;
  const received = once(server, "secureConnection");
  const client = connect(port, "127.0.0.1", { ca: pem("root.pem"), servername, ...options });
  await once(client, "secureConnect");
  const [socket] = (await received) as [TLSSocket];
  client.destroy();
  return (socket as TLSSocket & { readonly servername: unknown }).servername;
}

test("a name is sent, and an address is not", async () => {
  expect(tls.connect).not.toBe(unpatched);
  expect(await receivedFor("localhost")).toBe("localhost");
  expect(await receivedFor("127.0.0.1", { rejectUnauthorized: false })).toBe(false);
});

test("the certificate is checked against the address", async () => {
  await expect(receivedFor("127.0.0.1")).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
});

/**
 * TLS and mutual TLS over both protocols, and certificates that are wrong; made here with openssl.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createPlain } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { makeCertificates } from "./certificates.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-client-tls-"));
const pem = (name: string): Buffer => readFileSync(join(folder, name));
const opened: Server[] = [];

beforeAll(() => makeCertificates(folder, ["server", "client"]));
afterAll(() => {
  for (const server of opened) server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Says that it is live, over gRPC or HTTP. */
async function start(protocol: "grpc" | "http", mutual: boolean): Promise<string> {
  const options = {
    cert: pem("server.pem"),
    key: pem("server.key"),
    ca: pem("root.pem"),
    requestCert: mutual,
    rejectUnauthorized: mutual,
  };
  const server =
    protocol === "http"
      ? createServer(options, (_, answer) => answer.end())
      : createSecureServer(options).on("stream", stream => {
          stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
          stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
          stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
        });
  server.on("sessionError", () => {});
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  opened.push(server);
  return `${protocol}s://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.each(["grpc", "http"] as const)("%s", protocol => {
  /** `live`, or what was wrong. */
  const ask = async (url: string, tls = {}): Promise<string> => {
    await using client = await connect(url, { tls });
    // Probes say false where nothing answers; this call says why.
    if (await client.isServerLive()) return "live";
    return await client.modelMetadata("m").then(
      () => "answered",
      (error: Error) => error.message,
    );
  };

  test("a client that trusts the authority and has the right name is served", async () => {
    const url = await start(protocol, false);
    const ca = pem("root.pem");
    expect(await ask(url, { ca, serverName: "triton.internal" })).toBe("live");
    expect(await ask(url, { verify: false })).toBe("live");
    expect(await ask(url)).toMatch(/is not trusted.*`tls.ca`/s);
    expect(await ask(url, { ca: pem("other.pem"), serverName: "triton.internal" })).toMatch(/is not trusted/);
    expect(await ask(url, { ca })).toMatch(/is not trusted.*`tls.serverName`/s);
  });

  test("mutual TLS requires a certificate", async () => {
    const url = await start(protocol, true);
    const trust = { ca: pem("root.pem"), serverName: "triton.internal" };
    expect(await ask(url, { ...trust, cert: pem("client.pem"), key: pem("client.key") })).toBe("live");
    expect(await ask(url, trust)).not.toBe("live");
  });

  test("a server without TLS, a client without", async () => {
    const url = await start(protocol, false);
    expect(await ask(url.replace("s://", "://"))).not.toBe("live");
  });

  test("a client with TLS gets a clear error from a server without", async () => {
    const server = createPlain((_, answer) => answer.end());
    await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
    const said = await ask(`${protocol}s://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.close();
    expect(said).toMatch(protocol === "http" ? /does not speak TLS.*\(.*\): is it http:\/\/\?$/ : /127\.0\.0\.1/);
    expect(said).not.toContain("ssl/record");
  });
});

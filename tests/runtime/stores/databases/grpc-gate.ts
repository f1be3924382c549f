/** A gate before a gRPC server, as a managed service has it: TLS with client certificates, and a token or a password in each call. */
import { readFileSync } from "node:fs";
import { connect, createSecureServer, type IncomingHttpHeaders, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface Gate {
  readonly port: number;
  /** Names of databases that calls named. */
  readonly databases: ReadonlySet<string>;
  close(): void;
}

const calls = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith(":") || name === ":path" || name === ":method"),
  );

/**
 * @param folder of `root.pem`, `server.pem` and `server.key`
 * @param authorization header that a call must have
 */
export async function startGate(folder: string, port: number, authorization: string): Promise<Gate> {
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  const upstream = connect(`http://127.0.0.1:${port}`);
  const databases = new Set<string>();
  const sessions = new Set<ServerHttp2Session>();
  const server = createSecureServer({
    key: read("server.key"),
    cert: read("server.pem"),
    ca: read("root.pem"),
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on("session", session => sessions.add(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    if (headers.authorization !== authorization) {
      const refusal = { "grpc-status": "16", "grpc-message": "auth check failure, please check api key is correct" };
      stream.respond({ ":status": 200, "content-type": "application/grpc", ...refusal }, { endStream: true });
      return;
    }
    databases.add(String(headers.dbname));
    const call = upstream.request(calls(headers));
    let trailers = {};
    call.on("response", answer => {
      const { ":status": status, ...rest } = answer;
      stream.respond({ ":status": status, ...rest }, { waitForTrailers: true });
    });
    call.on("trailers", found => {
      trailers = found;
    });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.pipe(call).pipe(stream);
  });
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    databases,
    close() {
      upstream.close();
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { serve } from "#runtime/server/index.js";
import { openssl } from "../needs/openssl.js";
import { repository } from "../runtime/server/support.js";
import { runPython } from "./python.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-tls-"));
const file = (name: string): string => join(folder, name);
const pem = (name: string): Buffer => readFileSync(file(name));

/** An authority and its certificates; `stranger` is signed by another. */
function makeCertificates(): void {
  writeFileSync(file("san"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  for (const root of ["root", "other"])
    openssl(
      folder,
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${root}`, "-keyout", `${root}.key`, "-out", `${root}.pem`],
    );
  for (const [name, root] of [
    ["server", "root"],
    ["client", "root"],
    ["stranger", "other"],
  ]) {
    openssl(
      folder,
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", `/CN=${name}`],
      ...["-keyout", `${name}.key`, "-out", `${name}.csr`],
    );
    openssl(
      folder,
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", `${root}.pem`, "-CAkey", `${root}.key`, "-CAcreateserial"],
      ...["-days", "2", "-extfile", "san", "-out", `${name}.pem`],
    );
  }
}

const SERVED = { ready: true, answer: [[1, 2, 3, 4]] };

const start = (...words: string[]) =>
  serve({
    ...serveOptions([
      `--model-repository=${models}`,
      ...["--grpc-port=0", "--grpc-address=127.0.0.1", "--allow-http=false", "--allow-metrics=false"],
      ...["--grpc-server-cert", file("server.pem"), "--grpc-server-key", file("server.key")],
      ...words,
    ]),
    writeLog: () => {},
  });

/** `ok`, or gRPC's code. */
function live(port: number, credentials: grpc.ChannelCredentials): Promise<string> {
  const client = new grpc.Client(`localhost:${port}`, credentials);
  const bytes = (value: Buffer): Buffer => value;
  return new Promise(resolve =>
    client.makeUnaryRequest(
      "/inference.GRPCInferenceService/ServerLive",
      bytes,
      bytes,
      Buffer.alloc(0),
      { deadline: Date.now() + 5000 },
      error => {
        client.close();
        resolve(error ? grpc.status[error.code]! : "ok");
      },
    ),
  );
}

const models = repository(["echo_int32"]);
beforeAll(makeCertificates);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("TLS: who trusts the root is served, plain text and another root are not", async () => {
  const server = await start("--grpc-use-ssl=true");
  const port = server.ports.grpc!;
  try {
    expect(await live(port, grpc.credentials.createSsl(pem("root.pem")))).toBe("ok");
    expect(await live(port, grpc.credentials.createSsl(pem("other.pem")))).toBe("UNAVAILABLE");
    expect(await live(port, grpc.credentials.createInsecure())).toBe("UNAVAILABLE");
    expect(await runPython("tls.py", [`localhost:${port}`, file("root.pem")])).toEqual(SERVED);
    expect(await runPython("tls.py", [`localhost:${port}`, file("other.pem")])).toEqual({
      refused: "StatusCode.UNAVAILABLE",
    });
  } finally {
    await server.stop();
  }
});

test("mutual TLS: a client needs a certificate that the root signed", async () => {
  const server = await start("--grpc-use-ssl-mutual=true", "--grpc-root-cert", file("root.pem"));
  const port = server.ports.grpc!;
  const as = (name: string) => grpc.credentials.createSsl(pem("root.pem"), pem(`${name}.key`), pem(`${name}.pem`));
  try {
    expect(await live(port, as("client"))).toBe("ok");
    expect(await live(port, as("stranger"))).toBe("UNAVAILABLE");
    expect(await live(port, grpc.credentials.createSsl(pem("root.pem")))).toBe("UNAVAILABLE");
    const root = file("root.pem");
    const identity = (name: string): string[] => [file(`${name}.key`), file(`${name}.pem`)];
    const ask = (...own: string[]) => runPython("tls.py", [`localhost:${port}`, root, ...own]);
    expect(await ask(...identity("client"))).toEqual(SERVED);
    expect(await ask(...identity("stranger"))).toMatchObject({ refused: expect.anything() });
    expect(await ask()).toMatchObject({ refused: expect.anything() });
  } finally {
    await server.stop();
  }
});

test("files that can't be used are named with their flags", async () => {
  await expect(start("--grpc-use-ssl=true", "--grpc-server-cert", file("absent.pem"))).rejects.toThrow(
    /--grpc-server-cert '.*absent\.pem' can't be read/,
  );
  await expect(start("--grpc-use-ssl=true", "--grpc-server-key", file("client.key"))).rejects.toThrow(
    /can't be used together/,
  );
  await expect(start("--grpc-use-ssl=true", "--grpc-server-cert", file("san"))).rejects.toThrow(/holds no PEM block/);
  await expect(start("--grpc-use-ssl-mutual=true")).rejects.toThrow("--grpc-root-cert is not given");
});

/** The shared part of a jail's scripts: a server over the jail's repository, raw HTTP, and gRPC. */
import { connect } from "node:net";
import * as grpc from "@grpc/grpc-js";

const DIST = new URL("../../../dist/", import.meta.url);
export const { serve } = await import(new URL("runtime/server/index.js", DIST).href);
const { encode, decode } = await import(new URL("triton-protos/proto-root.js", DIST).href);
const { printOnnxModel } = await import(new URL("formats/onnx/onnx-model.js", DIST).href);
/** x → x times weights that are in another file. */
export const onnxWithWeights = location =>
  printOnnxModel({
    name: "scale",
    opsets: { "": 17 },
    inputs: [{ name: "INPUT0", dtype: "float32", shape: [4] }],
    outputs: [{ name: "OUTPUT0", dtype: "float32", shape: [4] }],
    nodes: [{ op: "Mul", inputs: ["weights", "INPUT0"], outputs: ["OUTPUT0"] }],
    constants: {
      weights: { dtype: "float32", shape: [4], values: [], external: { location, offset: 0, length: 16 } },
    },
  });
export const { JAIL, REPOSITORY, TMPDIR } = process.env;

export async function startServer(options = {}) {
  const loopback = { port: 0, address: "127.0.0.1" };
  const log = [];
  const server = await serve({
    modelRepositories: [REPOSITORY],
    ...{ http: loopback, grpc: loopback, metrics: false },
    ...{ modelControlMode: "explicit", exitOnError: false },
    writeLog: text => log.push(text),
    ...options,
  });
  const client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
  return {
    log,
    http: (method, path, body, headers) => rawHttp(server.ports.http, method, path, body, headers),
    grpc: (name, request, message) => call(client, name, request, message),
    async stop() {
      client.close();
      await server.stop();
    },
  };
}

/** The path as its bytes are, which no client would send. @returns the status; 0 where the connection ended without one */
function rawHttp(port, method, path, body = "", headers = {}) {
  return new Promise(resolve => {
    const chunks = [];
    const socket = connect(port, "127.0.0.1");
    const done = () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const at = text.indexOf("\r\n\r\n");
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), body: at < 0 ? "" : text.slice(at + 4) });
    };
    socket.on("data", chunk => chunks.push(chunk));
    socket.on("error", () => {});
    socket.on("close", done);
    socket.setTimeout(20_000, () => socket.destroy());
    const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(
      `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n${more.join("")}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
}

const same = bytes => bytes;
const SERVICE = "/inference.GRPCInferenceService/";
function call(client, name, request, message) {
  return new Promise(resolve => {
    const deadline = Date.now() + 20_000;
    let bytes;
    try {
      bytes = Buffer.from(encode(`inference.${request}`, message));
    } catch (error) {
      resolve({ code: -1, message: error.message });
      return;
    }
    client.makeUnaryRequest(SERVICE + name, same, same, bytes, new grpc.Metadata(), { deadline }, (error, answer) =>
      resolve(error ? { code: error.code, message: error.details } : { code: 0, message: "", bytes: answer }),
    );
  });
}

export { decode };

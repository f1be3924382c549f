/**
 * Sends one mutated request over HTTP or gRPC: settles when the server has answered or has ended the connection, rejects when it does neither.
 */
import { Agent, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";

const late = (patience, what) => new Error(`no answer in ${patience} ms: ${what}`);

/** @returns `well`: a response of any status. `raw`: raw bytes, for connections that are broken off */
export function httpSender(port, patience) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const well = ({ method, path, headers, body }) =>
    new Promise((resolve, reject) => {
      let call;
      try {
        call = request({ host: "127.0.0.1", port, method, path, headers, agent });
      } catch {
        // Node's client refuses to write such a header or path; the raw form sends them.
        return resolve(0);
      }
      const timer = setTimeout(() => {
        reject(late(patience, `${method} ${path}`));
        call.destroy();
      }, patience);
      const done = status => {
        clearTimeout(timer);
        resolve(status);
      };
      call.on("response", answer => {
        answer.resume();
        answer.on("close", () => done(answer.statusCode));
      });
      call.on("error", () => done(0));
      call.end(body);
    });
  const raw = bytes =>
    new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      const timer = setTimeout(() => {
        reject(late(patience, bytes.subarray(0, 200).toString("latin1")));
        socket.destroy();
      }, patience);
      let status = 0;
      socket.on("data", chunk => {
        status ||= Number(/^HTTP\/1\.1 (\d+)/.exec(chunk.toString("latin1"))?.[1] ?? 0);
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        clearTimeout(timer);
        resolve(status);
      });
      socket.end(bytes);
    });
  return { well, raw, close: () => agent.destroy() };
}

/** @returns a function that sends `{ path, headers, frame }` and answers gRPC's status, or -1 for a call that just ended */
export function grpcSender(port, patience) {
  let session;
  const open = () => {
    if (!session || session.closed || session.destroyed) {
      session = connectHttp2(`http://127.0.0.1:${port}`);
      session.on("error", () => {});
    }
    return session;
  };
  const send = ({ path, headers, frame }) =>
    new Promise((resolve, reject) => {
      let stream;
      try {
        stream = open().request({
          ":method": "POST",
          ":path": path,
          "content-type": "application/grpc",
          te: "trailers",
          ...headers,
        });
      } catch {
        return resolve(-1);
      }
      const timer = setTimeout(() => {
        reject(late(patience, path));
        stream.destroy();
      }, patience);
      let status = -1;
      const read = found => {
        if (found["grpc-status"] !== undefined) status = Number(found["grpc-status"]);
      };
      stream
        .on("response", read)
        .on("trailers", read)
        .on("error", () => {});
      stream.on("close", () => {
        clearTimeout(timer);
        resolve(status);
      });
      stream.resume();
      stream.end(frame);
    });
  return { send, close: () => session?.destroy() };
}

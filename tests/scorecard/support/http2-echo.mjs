/**
 * The HTTP/2 layer alone, with a handler that answers every body with itself: conformance suites need one that waits for the end of a request.
 */
import { encodeFields } from "../../../dist/runtime/server/transport/http2/hpack-encode.js";
import { DEFAULT_LIMITS } from "../../../dist/runtime/server/transport/http2/limits.js";
import { createHttp2Server } from "../../../dist/runtime/server/transport/http2/serve.js";
import { listen } from "../../../dist/runtime/server/transport/listen.js";

const OK = encodeFields([[":status", "200"]]);
const END = encodeFields([["grpc-status", "0"]]);

/** @returns `{ port, close }` */
export async function startEcho() {
  const { server, drain } = createHttp2Server({
    handler: {
      read: ({ path }) => path,
      open(stream) {
        const chunks = [Buffer.from("echo")];
        stream.listen({
          data: chunk => {
            chunks.push(Buffer.from(chunk));
          },
          end: () => stream.answer(OK, chunks, END),
        });
      },
    },
    limits: DEFAULT_LIMITS,
    connected: connection => connection.watch({ closed() {} }),
  });
  return listen(server, { address: "127.0.0.1", port: 0 }, drain);
}

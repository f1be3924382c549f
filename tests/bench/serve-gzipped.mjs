/** Serves a folder on the loopback address, compressed as a web server does. */
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

/** @returns its origin, the paths that were requested, and how to stop it */
export async function serveGzipped(folder) {
  const packed = new Map();
  const sent = new Set();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const file = join(folder, decodeURIComponent(pathname));
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end();
    sent.add(pathname);
    if (!packed.has(file)) packed.set(file, gzipSync(readFileSync(file), { level: 6 }));
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    return response.writeHead(200, { "content-type": type, "content-encoding": "gzip" }).end(packed.get(file));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = () => {
    server.closeAllConnections();
    return new Promise(done => server.close(done));
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, sent, stop };
}

/**
 * HTTP/1 by RFC 9112 on the port of a whole server. Ambiguous requests are refused, and a byte's cost does not depend on the reads' size.
 */
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Connection } from "#runtime/server/transport/http1/connection.js";
import type { Exchange } from "#runtime/server/transport/http1/exchange.js";
import { DEFAULT_LIMITS } from "#runtime/server/transport/http1/limits.js";
import { repository, startServer } from "../runtime/server/support.js";
import { idleSocket, mirror, serveHttp1 } from "../runtime/server/transport/http1/support.js";

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(repository(["echo_int32"]));
});
afterAll(() => server.stop());

/** Status lines of the responses, and whether the server ended the connection. */
function talk(port: number, text: string): Promise<{ readonly statuses: readonly number[]; readonly ended: boolean }> {
  return new Promise(resolve => {
    let said = "";
    let ended = false;
    // Two requests that are well end with `Connection: close`; the time is for a server that waits for more.
    const socket = connect(port, "127.0.0.1", () => socket.write(text, "latin1"));
    const timer = setTimeout(() => socket.destroy(), 3000);
    socket.on("data", chunk => (said += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("end", () => {
      ended = true;
      socket.end();
    });
    socket.on("close", () => {
      clearTimeout(timer);
      resolve({ statuses: [...said.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, code]) => Number(code)), ended });
    });
  });
}

const BODY = '{"inputs":[{"name":"INPUT0","shape":[1,4],"datatype":"INT32","data":[1,2,3,4]}]}';
const CHUNKS = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
const post = (fields: string, body: string, host = "Host: x\r\n", minor = 1): string =>
  `POST /v2/models/echo_int32/infer HTTP/1.${minor}\r\n${host}${fields}\r\n\r\n${body}`;
const get = (line: string, fields = "Host: x\r\n"): string => `${line}\r\n${fields}\r\n`;
const chunked = (body: string): string => post("Transfer-Encoding: chunked", body);

const REFUSED: readonly (readonly [section: string, what: string, text: string])[] = [
  ["2.2", "a bare LF", "GET /v2 HTTP/1.1\nHost: x\n\n"],
  ["2.2", "a bare CR in a field", get("GET /v2 HTTP/1.1", "Host: x\r\nA: b\rc\r\n")],
  ["2.2", "a blank before the first field", get("GET /v2 HTTP/1.1", " Host: x\r\n")],
  ["3", "two blanks in the request line", get("GET  /v2 HTTP/1.1")],
  ["3", "a blank after the version", get("GET /v2 HTTP/1.1 ")],
  ["3.1", "a method in small letters", get("get /v2 HTTP/1.1")],
  ["3.2", "no host", get("GET /v2 HTTP/1.1", "")],
  ["3.2", "two hosts", get("GET /v2 HTTP/1.1", "Host: a\r\nHost: b\r\n")],
  ["3.2", "two equal hosts", get("GET /v2 HTTP/1.1", "Host: a\r\nHost: a\r\n")],
  ["3.2", "two hosts in HTTP/1.0", get("GET /v2 HTTP/1.0", "Host: a\r\nHost: b\r\n")],
  ["3.2", "a host with a blank", get("GET /v2 HTTP/1.1", "Host: a b\r\n")],
  ["3.2", "a host with a path", get("GET /v2 HTTP/1.1", "Host: a/b\r\n")],
  ["3.2", "a host list", get("GET /v2 HTTP/1.1", "Host: a, b\r\n")],
  ["3.2.1", "a target without a slash", get("GET v2 HTTP/1.1")],
  ["3.2.1", "a target with a control byte", get("GET /v2\x7f HTTP/1.1")],
  ["3.2.2", "a URL without a host", get("GET http:///v2 HTTP/1.1")],
  ["3.2.2", "a URL with a user", get("GET http://u@h/v2 HTTP/1.1")],
  ["3.2.4", "'*' of GET", get("GET * HTTP/1.1")],
  ["5.1", "a blank before the colon", get("GET /v2 HTTP/1.1", "Host: x\r\nA : b\r\n")],
  ["5.2", "a folded line", get("GET /v2 HTTP/1.1", "Host: x\r\nA: b\r\n c\r\n")],
  ["5.5", "a control byte in a value", get("GET /v2 HTTP/1.1", "Host: x\r\nA: \x01\r\n")],
  ["6.1", "a no-break space before chunked", post("Transfer-Encoding: \xa0chunked", CHUNKS)],
  ["6.1", "a no-break space after chunked", post("Transfer-Encoding: chunked\xa0", CHUNKS)],
  ["6.1", "a vertical tab before chunked", post("Transfer-Encoding: \x0bchunked", CHUNKS)],
  ["6.1", "chunks in HTTP/1.0", post("Connection: keep-alive\r\nTransfer-Encoding: chunked", CHUNKS, "", 0)],
  ["6.1", "chunked twice", post("Transfer-Encoding: chunked, chunked", CHUNKS)],
  ["6.3", "chunked not last", post("Transfer-Encoding: chunked, gzip", CHUNKS)],
  ["6.3", "no chunked", post("Transfer-Encoding: identity", CHUNKS)],
  ["6.3", "an empty item after chunked", post("Transfer-Encoding: chunked,", CHUNKS)],
  ["6.3", "a length beside chunks", post(`Content-Length: ${BODY.length}\r\nTransfer-Encoding: chunked`, CHUNKS)],
  ["6.3", "two lengths", post(`Content-Length: ${BODY.length}\r\nContent-Length: ${BODY.length}`, BODY)],
  ["6.3", "a list of lengths", post(`Content-Length: ${BODY.length}, ${BODY.length}`, BODY)],
  ["6.2", "a signed length", post(`Content-Length: +${BODY.length}`, BODY)],
  ["6.2", "a length with a no-break space", post(`Content-Length: \xa0${BODY.length}`, BODY)],
  ["7.1", "a chunk size with a blank", chunked("3 \r\nabc\r\n0\r\n\r\n")],
  ["7.1", "a signed chunk size", chunked("+3\r\nabc\r\n0\r\n\r\n")],
  ["7.1.1", "a blank in an extension", chunked("3; a=b\r\nabc\r\n0\r\n\r\n")],
  ["7.1.1", "an extension without a name", chunked("3;\r\nabc\r\n0\r\n\r\n")],
  ["7.1.1", "an open quote in an extension", chunked('3;a="b\r\nabc\r\n0\r\n\r\n')],
  ["7.1.2", "a trailer that frames the body", chunked("0\r\nContent-Length: 3\r\n\r\n")],
];

test.each(REFUSED)("RFC 9112 §%s: %s is refused, and the connection ends", async (_, __, text) => {
  // A second request behind it is what smuggling would have served.
  const { statuses, ended } = await talk(server.ports.http!, `${text}GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n`);
  expect(statuses).toEqual([400]);
  expect(ended).toBe(true);
});

test.each([
  ["a length", post(`Content-Length: ${BODY.length}`, BODY)],
  ["chunks", chunked(CHUNKS)],
  [
    "chunks with extensions and a trailer",
    chunked(CHUNKS.replace("\r\n", ';a;b=c;d="e f"\r\n').replace(/\r\n$/, "T: u\r\n\r\n")),
  ],
  ["chunks, in capitals, with blanks", post("Transfer-Encoding: \tCHUNKED ", CHUNKS)],
  ["an address of IPv6 as host", post(`Content-Length: ${BODY.length}`, BODY, "Host: [::1]:8000\r\n")],
])("%s is served, and so is the request behind it", async (_, text) => {
  const next = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  expect(await talk(server.ports.http!, text + next)).toEqual({ statuses: [200, 200], ended: true });
});

test("HTTP/1.0 needs no host, and its connection ends", async () => {
  expect(await talk(server.ports.http!, get("GET /v2/health/live HTTP/1.0", ""))).toEqual({
    statuses: [200],
    ended: true,
  });
});

/** CPU seconds of a connection for a text that arrives byte by byte. */
function costOf(text: string, isAnswered: boolean): { readonly seconds: number; readonly served: number } {
  const socket = idleSocket();
  let served = 0;
  const connection = new Connection(
    socket,
    exchange => {
      served++;
      if (isAnswered) exchange.reply(200, [], []);
    },
    { ...DEFAULT_LIMITS, stallTime: 0 },
  );
  const bytes = Buffer.from(text, "latin1");
  const before = process.cpuUsage();
  for (let at = 0; at < bytes.length; at++) socket.emit("data", bytes.subarray(at, at + 1));
  const { user, system } = process.cpuUsage(before);
  connection.destroy();
  return { seconds: (user + system) / 1e6, served };
}

test("a head of 16 KB costs the same in one-byte reads as its bytes do: no byte is looked at twice", () => {
  const field = `A: ${"x".repeat(15_000)}\r\n`;
  const { seconds, served } = costOf(get("GET /v2 HTTP/1.1", `Host: x\r\n${field}`).repeat(8), true);
  expect(served).toBe(8);
  expect(seconds).toBeLessThan(0.4);
});

test("requests that wait for their turn are held without copying them again for each byte", () => {
  // The first is not answered, so all of these bytes are held.
  const { seconds, served } = costOf(get("GET /v2 HTTP/1.1") + "GET /v2 HTTP/1.1\r\n".repeat(3500), false);
  expect(served).toBe(1);
  expect(seconds).toBeLessThan(0.4);
});

test("after many small reads of a request the kernel collects bytes for a while", () => {
  const socket = idleSocket();
  const connection = new Connection(socket, () => {}, { ...DEFAULT_LIMITS, stallTime: 0 });
  let reads = 0;
  const read = (text: string): void => {
    reads++;
    socket.emit("data", Buffer.from(text));
  };
  read("GET /v2 HTTP/1.1\r\nA: ");
  while (!socket.isPaused() && reads < 1000) read("x");
  expect(reads).toBeLessThan(200);
  connection.destroy();
});

/** Number of reads of 100 chunks each until the connection waits, at most 1,000. */
function readsUntilPaused(chunk: string): number {
  const socket = idleSocket();
  const serve = (exchange: Exchange): void => exchange.readBody({ data() {}, end() {}, cut() {} });
  const connection = new Connection(socket, serve, { ...DEFAULT_LIMITS, stallTime: 0 });
  socket.emit("data", Buffer.from("POST /v2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
  let reads = 0;
  while (!socket.isPaused() && reads < 1000) {
    reads++;
    socket.emit("data", Buffer.from(chunk.repeat(100)));
  }
  connection.destroy();
  return reads;
}

test("after many small chunks the connection pauses, and after as many of an ordinary size it does not", () => {
  expect(readsUntilPaused("1\r\nx\r\n")).toBeLessThan(50);
  expect(readsUntilPaused(`14\r\n${"x".repeat(20)}\r\n`)).toBe(1000);
});

test("a body of 40,000 chunks of one byte arrives whole", async () => {
  const { port, stop } = await serveHttp1(mirror);
  const head = "POST /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const text = Array.from({ length: 40_000 }, (_, i) => String(i % 10));
  const bytes = `${head}${text.map(byte => `1\r\n${byte}\r\n`).join("")}0\r\n\r\n`;
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = "";
  const socket = connect(port, "127.0.0.1").on("data", part => (received += part.toString("latin1")));
  socket.on("close", () => resolve(received)).write(bytes);
  expect(JSON.parse((await promise).split("\r\n\r\n")[1]!)).toMatchObject({ body: text.join("") });
  await stop();
});

test("a request of one-byte writes is served", async () => {
  const text = get("GET /v2/health/live HTTP/1.1", `Host: x\r\nConnection: close\r\nA: ${"x".repeat(2000)}\r\n`);
  let said = "";
  const socket = connect(server.ports.http!, "127.0.0.1").setNoDelay();
  socket.on("error", () => {}).on("data", chunk => (said += chunk.toString("latin1")));
  const ended = new Promise(resolve => socket.once("close", resolve));
  for (const byte of text) {
    socket.write(byte);
    await new Promise(setImmediate);
  }
  await ended;
  expect(said).toMatch(/^HTTP\/1\.1 200 /);
});

/**
 * The same bytes to our server and to Node's own: the same requests are understood alike, and whatever Node refuses we refuse. Some that
 * Node accepts are refused here. They are HTTP/0.9 and 2.0 on such a connection, several blanks in the request line, and the rules of
 * RFC 9112 at the end.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ChunkReader } from "#runtime/server/transport/http1/chunk-reader.js";
import { HeadReader } from "#runtime/server/transport/http1/head-reader.js";
import { DEFAULT_LIMITS } from "#runtime/server/transport/http1/limits.js";
import { answers, mirror, type Served, serveHttp1, serveNode, statuses, talk, understand } from "./support.js";

let ours: Served;
let node: Served;
beforeAll(async () => {
  [ours, node] = await Promise.all([serveHttp1(mirror), serveNode()]);
});
afterAll(() => Promise.all([ours.stop(), node.stop()]));

/** The status, and what was understood. */
async function verdict({ port }: Served, text: string): Promise<{ status: number | undefined; understood: string }> {
  const said = await talk(port, [text], answers(1));
  return { status: statuses(said.text)[0], understood: /\{.*\}$/s.exec(said.text)?.[0] ?? "" };
}

const post = (fields: string, body = ""): string => `POST /x HTTP/1.1\r\nHost: x\r\n${fields}\r\n${body}`;
const CHUNKS = "3\r\nabc\r\n0\r\n\r\n";
const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);

test.each([
  // Understood.
  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /a?b#c%20<> HTTP/1.0\r\nHost: x\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET http://h/x HTTP/1.1\r\nHost: x\r\n\r\n",
  "M-SEARCH / HTTP/1.1\r\nHost: x\r\n\r\n",
  "\r\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET / HTTP/1.1\r\nA:\r\nB:\t b \r\nC: \xe9\r\nCookie: a\r\nCookie: b\r\nHost: 1\r\nX: 1\r\nx: 2\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nAccept-Encoding: deflate\r\nAuthorization: 1\r\nAuthorization: 2\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
  "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
  post("Content-Length: 3 \r\n", "abc"),
  post("Content-Length: 03\r\n", "abc"),
  post("Transfer-Encoding: gzip, chunked\r\n", CHUNKS),
  post("Transfer-Encoding: CHUNKED \r\n", CHUNKS),
  ...["3;a=b\r\nabc\r\n0\r\nT: x\r\n\r\n", "00000000000000000003\r\nabc\r\n0\r\n\r\n"].map(chunked),
  ...["a", "a;b", "a=b;c=d", 'a="b c;\\"="', 'a=""', 'a="b";c', "!#$%&'*+-.^_`|~=x"].map(extension =>
    chunked(`3;${extension}\r\nabc\r\n0;${extension}\r\n\r\n`),
  ),
  // Refused.
  "GET / HTTP/1.1\r\n\r\n",
  ...[" a", "a =b", "a= b", "a==b", "a=b c", 'a="b', 'a="b"c', 'a="\x01"', "a=b\t", "a\xe9", ""].map(extension =>
    chunked(`3;${extension}\r\nabc\r\n0\r\n\r\n`),
  ),
  "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
  ...["A : b", "A", ": b", " A: b", "A: \x01", "A: \x7f", "A: b\rC: d", "A: b\nC: d", "A\xe9: b"].map(field =>
    post(`${field}\r\n`),
  ),
  ...[
    "FOO / HTTP/1.1",
    "get / HTTP/1.1",
    "GET foo HTTP/1.1",
    "GET / HTTP/1.2",
    "GET / HTTP/1.1 ",
    "GET /\x01 HTTP/1.1",
    "GET /\xff HTTP/1.1",
  ].map(line => `${line}\r\n\r\n`),
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "GET / HTTP/1.1\nHost: x\n\n",
  post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", CHUNKS),
  post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", CHUNKS),
  ...["3\r\nContent-Length: 3", "3, 3", "+3", "", "0x3", "3 3", "18446744073709551616"].map(length =>
    post(`Content-Length: ${length}\r\n`, "abc"),
  ),
  ...[
    "chunked, chunked",
    "chunked, gzip",
    "identity",
    "xchunked",
    "\x0bchunked",
    "\xa0chunked",
    "chunked\xa0",
    "\x85chunked",
    "chunked\r\nTransfer-Encoding: identity",
  ].map(coding => post(`Transfer-Encoding: ${coding}\r\n`, CHUNKS)),
  ...[
    "3 \r\nabc\r\n0\r\n\r\n",
    "3\nabc\r\n",
    "3\r\nabc\n0\r\n",
    "3\r\nabcd\r\n",
    "0x3\r\nabc\r\n",
    "-3\r\nabc\r\n",
    "\r\n0\r\n\r\n",
  ].map(chunked),
  ...[
    "fffffffffffffffff\r\n",
    "3;a=\x01\r\nabc\r\n",
    "0\r\nbad trailer\r\n\r\n",
    "0\r\nContent-Length: 3\r\n\r\n",
    "0\r\nX: y\n\r\n",
  ].map(chunked),
])("%j", async text => {
  expect(await verdict(ours, text)).toEqual(await verdict(node, text));
});

test.each([
  ["chunks in HTTP/1.0", post("Transfer-Encoding: chunked\r\n", CHUNKS).replace("1.1", "1.0")],
  ["two hosts", "GET / HTTP/1.1\r\nHost: 1\r\nHost: 2\r\n\r\n"],
  ["a host that is none", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a user in the target", "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"],
  ["all of the server, for another method than OPTIONS", "GET * HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["names of extensions left out", chunked("3;=a\r\nabc\r\n0\r\n\r\n")],
  ["values of extensions left out", chunked("3;a=\r\nabc\r\n0\r\n\r\n")],
])("what RFC 9112 refuses and Node's parser takes: %s", async (_, text) => {
  expect(await verdict(node, text)).toMatchObject({ status: 200 });
  expect(await verdict(ours, text)).toEqual({ status: 400, understood: "" });
});

/** The first request of a text, as our readers understand it. @returns undefined where it is refused, or not whole */
function readOne(text: string): { understood: string; length: number } | undefined {
  const bytes = Buffer.from(text, "latin1");
  const heads = new HeadReader({ ...DEFAULT_LIMITS, stallTime: 0 });
  try {
    const head = heads.read(bytes, 0);
    if (!head) return undefined;
    const { end } = heads;
    if (head.body !== "chunked") {
      const length = end + head.body;
      return length > bytes.length ? undefined : { understood: understand(head, bytes.subarray(end, length)), length };
    }
    const chunks = new ChunkReader(1000);
    const pieces: Buffer[] = [];
    const length = chunks.read(bytes, end, (all, from, to) => void pieces.push(all.subarray(from, to)));
    return chunks.done ? { understood: understand(head, Buffer.concat(pieces)), length } : undefined;
  } catch {
    return undefined;
  }
}

test("bytes that are changed here and there: what we take, Node takes, and understands the same", async () => {
  const good = [
    "GET http://h/a HTTP/1.1\r\nHost: x\r\n\r\n",
    post("Transfer-Encoding: chunked\r\n", '2;a="b";c=d\r\nhe\r\n0\r\n\r\n'),
    "GET /a HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nX-A: 1\r\n\r\n",
    post("Content-Length: 5\r\nConnection: keep-alive\r\n", "hello"),
    post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n"),
  ];
  const byte = fc.constantFrom(...'\r\n\t\0 :,xX019-+{;="/@\x0b\x7f\x85\xa0\xe9chunked');
  const change = fc.record({
    at: fc.nat({ max: 120 }),
    drop: fc.integer({ min: 0, max: 3 }),
    put: fc.array(byte, { maxLength: 3 }),
  });
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...good),
      fc.array(change, { minLength: 1, maxLength: 2 }),
      async (text, changes) => {
        let changed = text;
        for (const { at, drop, put } of changes) {
          const from = at % (changed.length + 1);
          changed = changed.slice(0, from) + put.join("") + changed.slice(from + drop);
        }
        const mine = readOne(changed);
        if (!mine) return;
        taken++;
        const understood = Buffer.from(mine.understood).toString("latin1");
        expect(await verdict(node, changed.slice(0, mine.length))).toEqual({
          status: 200,
          understood,
        });
      },
    ),
    { numRuns: 1500 },
  );
  expect(taken).toBeGreaterThan(100);
});

/**
 * Heads of requests: what is read from them, what is refused, and that neither depends on where the bytes are cut.
 */
import { expect, test } from "vitest";
import { HeadReader } from "#runtime/server/transport/http1/head-reader.js";
import { DEFAULT_LIMITS } from "#runtime/server/transport/http1/limits.js";
import type { RequestHead } from "#runtime/server/transport/http1/request-head.js";

const LIMITS = { ...DEFAULT_LIMITS, stallTime: 0 };
const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const read = (text: string): RequestHead | undefined => new HeadReader(LIMITS).read(bytes(text), 0);
const HOST = "Host: h\r\n";
const head = (fields: string, line = "POST /x HTTP/1.1"): string => `${line}\r\n${HOST}${fields}\r\n`;

test("a head is read as it was written, names in small letters, blanks around values left out", () => {
  expect(
    read(
      head(
        "X-One:\t 1 \r\nx-one: 2\r\nAuthorization: a\r\nAuthorization: b\r\nEmpty:\r\nLatin: \xe9\r\nContent-Length: 3\r\n",
      ),
    ),
  ).toEqual({
    method: "POST",
    target: "/x",
    minor: 1,
    headers: Object.assign(Object.create(null), {
      host: "h",
      "x-one": "1, 2",
      authorization: "a",
      empty: "",
      latin: "\xe9",
      "content-length": "3",
    }),
    fields: [
      ["Host", "h"],
      ["X-One", "1"],
      ["x-one", "2"],
      ["Authorization", "a"],
      ["Authorization", "b"],
      ["Empty", ""],
      ["Latin", "\xe9"],
      ["Content-Length", "3"],
    ],
    body: 3,
    keepsAlive: true,
    expects: undefined,
  });
});

test("a field may have any name", () => {
  const { headers } = read(head("__proto__: a\r\nconstructor: b\r\n"))!;
  expect(Object.entries(headers)).toEqual([
    ["host", "h"],
    ["__proto__", "a"],
    ["constructor", "b"],
  ]);
});

test.each([
  ["GET / HTTP/1.1", "", true],
  ["GET / HTTP/1.1", "Connection: close\r\n", false],
  ["GET / HTTP/1.1", "Connection: x, Close\r\n", false],
  ["GET / HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n", false],
  ["GET / HTTP/1.1", "Connection: closed\r\n", true],
  ["GET / HTTP/1.0", "", false],
  ["GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true],
] as const)("%s with %j keeps its connection: %j", (line, fields, keeps) => {
  expect(read(head(fields, line))).toMatchObject({ keepsAlive: keeps });
});

test.each([
  ["", 0],
  ["Content-Length: 0003\r\n", 3],
  ["Content-Length: 18446744073709551615\r\n", 2 ** 64],
  ["Transfer-Encoding: chunked\r\n", "chunked"],
  ["Transfer-Encoding: gzip , CHUNKED\r\n", "chunked"],
] as const)("the body after %j: %j", (fields, body) => {
  expect(read(head(fields))).toMatchObject({ body });
});

const REFUSED: readonly string[] = [
  // Request lines.
  ...["get / HTTP/1.1", "FOO / HTTP/1.1", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1"],
  ...[
    "GET /",
    "GET / HTTP/0.9",
    "GET / HTTP/1.2",
    "GET / HTTP/2.0",
    "GET / http/1.1",
    "GET x HTTP/1.1",
    "GET /\t HTTP/1.1",
  ],
  ...[
    "GET /\x01 HTTP/1.1",
    "GET /\x7f HTTP/1.1",
    "GET /\xff HTTP/1.1",
    "GET h1://x HTTP/1.1",
    "CONNECT a:1 HTTP/1.1",
    "GET * HTTP/1.1",
    "OPTIONS *x HTTP/1.1",
    "GET http:///x HTTP/1.1",
    "GET http://u@h/x HTTP/1.1",
    "GET http://a<b/x HTTP/1.1",
    "PRI * HTTP/2.0",
  ],
].map(line => head("", line));
const REFUSED_FIELDS: readonly string[] = [
  // Spellings of fields.
  ...[
    "A : b",
    ": b",
    "A",
    " A: b",
    "A: b\r\n c",
    "A: b\r\n\tc",
    "A: \x01",
    "A: \x7f",
    "A: b\0",
    "A\xe9: b",
    "A: b\rC: d",
  ],
  "A: b\nC: d",
  // Lengths.
  ...["Content-Length: ", "Content-Length: +3", "Content-Length: -3", "Content-Length: 0x3", "Content-Length: 3, 3"],
  ...["Content-Length: 3 3", "Content-Length: 3.0", "Content-Length: 1e1", "Content-Length: 18446744073709551616"],
  ...["Content-Length: 3\r\nContent-Length: 3", "Content-Length: 3\r\ncontent-length: 4"],
  // Lengths beside chunks, and codings that are not the last.
  "Content-Length: 3\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nContent-Length: 3",
  ...[
    "chunked, identity",
    "identity",
    "xchunked",
    "chunked, chunked",
    "chunked\r\nTransfer-Encoding: chunked",
    "gzip",
    "",
  ].map(coding => `Transfer-Encoding: ${coding}`),
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
  ...["\xa0chunked", "chunked\xa0", "gzip,\xa0chunked", "chunked,", ",", '"chunked"'].map(
    coding => `Transfer-Encoding: ${coding}`,
  ),
  // Hosts.
  ...["Host: h", "Host: other", "host:"],
].map(fields => head(`${fields}\r\n`));

const REFUSED_HOSTS: readonly string[] = [
  ...[
    "",
    "Host: a b\r\n",
    "Host: a/b\r\n",
    "Host: a@b\r\n",
    "Host: [a\r\n",
    "Host: a:b\r\n",
    "Host: \xe9\r\n",
    "Host: a, b c\r\n",
  ],
].map(host => `GET / HTTP/1.1\r\n${host}\r\n`);
const REFUSED_IN_10: readonly string[] = [
  ...[
    "Transfer-Encoding: chunked\r\n",
    "Host: a\r\nHost: a\r\n",
    "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
  ],
].map(fields => `POST / HTTP/1.0\r\n${fields}\r\n`);

test.each([
  ["GET / HTTP/1.1", "Host: a.b-c_d:80"],
  ["GET / HTTP/1.1", "Host: [::1]:80"],
  ["GET / HTTP/1.1", "Host:"],
  ["GET http://other:1/x HTTP/1.1", "Host: a"],
  ["GET / HTTP/1.0", "A: b"],
])("%s with %s is taken", (line, field) => {
  expect(read(`${line}\r\n${field}\r\n\r\n`)).toBeDefined();
});

test.each([...REFUSED, ...REFUSED_FIELDS, ...REFUSED_HOSTS, ...REFUSED_IN_10].map(text => [text]))(
  "%j is refused",
  text => {
    expect(() => read(text)).toThrow(expect.objectContaining({ name: "BadRequest" }));
    // For any split, the last byte at the latest decides.
    for (let at = 0; at < text.length; at++) {
      const reader = new HeadReader(LIMITS);
      const early = ((): boolean => {
        try {
          return reader.read(bytes(text.slice(0, at)), 0) === undefined;
        } catch {
          return false;
        }
      })();
      if (early) expect(() => reader.read(bytes(text), 0)).toThrow();
    }
  },
);

test("what can't become a head is refused before its end", () => {
  for (const text of ["\x16\x03\x01\x02", "get /", "GET / HTTP/1.1\nHost", "{", "GET / HTTP/1.1\r\nA: \0"])
    expect(() => read(text), text).toThrow(expect.objectContaining({ name: "BadRequest" }));
});

test("a head is parsed the same for any split, and the bytes after it stay", () => {
  const text = head("A: a\r\nContent-Length: 2\r\n");
  const whole = read(text);
  for (let at = 0; at <= text.length; at++) {
    const reader = new HeadReader(LIMITS);
    if (at < text.length) expect(reader.read(bytes(text.slice(0, at)), 0)).toBeUndefined();
    expect(reader.read(bytes(`${text}ab`), 0)).toEqual(whole);
    expect(reader.end).toBe(text.length);
    // Again, and again behind other bytes.
    expect(reader.read(bytes(`..${text}ab`), 2)).toEqual(whole);
    expect(reader.end).toBe(text.length + 2);
  }
});

test("the cached head is not used for one that differs in one byte", () => {
  const reader = new HeadReader(LIMITS);
  const text = head("A: a\r\nContent-Length: 2\r\n");
  reader.read(bytes(text), 0);
  expect(reader.read(bytes(text.replace("2", "3")), 0)).toMatchObject({ body: 3 });
  expect(reader.read(bytes(text.replace("/x", "/y")), 0)).toMatchObject({ target: "/y", body: 2 });
  expect(() => reader.read(bytes(text.replace("A: a", "A : ")), 0)).toThrow();
  expect(reader.read(bytes(text.slice(0, -1)), 0)).toBeUndefined();
});

test("empty lines before a head are passed over", () => {
  const reader = new HeadReader(LIMITS);
  expect(reader.read(bytes(`\r\n\n${head("")}`), 0)).toMatchObject({ target: "/x" });
  expect(reader.read(bytes("\r\n\r\n"), 0)).toBeUndefined();
  expect(reader.end).toBe(4);
});

test("a head is bounded in bytes, whole or not, and in fields", () => {
  const { maxHeadSize, maxFields } = DEFAULT_LIMITS;
  const long = (size: number): string => head(`A: ${"x".repeat(size + 4 - head("A: \r\n").length)}\r\n`);
  expect(read(long(maxHeadSize))).toMatchObject({ target: "/x" });
  expect(() => read(long(maxHeadSize + 1))).toThrow("bytes of headers");
  expect(() => read(long(2 * maxHeadSize).slice(0, maxHeadSize + 1))).toThrow("bytes of headers");
  expect(read(head("A: b\r\n".repeat(maxFields - 1)))?.fields).toHaveLength(maxFields);
  expect(() => read(head("A: b\r\n".repeat(maxFields)))).toThrow(`more than ${maxFields} headers`);
});

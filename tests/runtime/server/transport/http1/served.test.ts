/**
 * Connections: requests in their order, bodies that are read, refused or ignored, responses in parts, disconnects, and time-outs.
 */
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { Http1Handler } from "#runtime/server/transport/http1/connection.js";
import type { Exchange } from "#runtime/server/transport/http1/exchange.js";
import type { Http1Limits } from "#runtime/server/transport/http1/limits.js";
import { elapse, resting, until } from "../../../../run/wait.js";
import { answers, bodyOf, mirror, reply, type Served, serveHttp1, statuses, talk } from "./support.js";

const running: Served[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop(0);
});
async function start(handler: Http1Handler, limits?: Partial<Http1Limits>): Promise<number> {
  const server = await serveHttp1(handler, limits);
  running.push(server);
  return server.port;
}

const get = (target: string, fields = "", minor = 1): string =>
  `GET ${target} HTTP/1.${minor}\r\nHost: x\r\n${fields}\r\n`;
const post = (target: string, body: string, fields = ""): string =>
  `POST ${target} HTTP/1.1\r\nHost: x\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
const targets = (text: string): string[] => [...text.matchAll(/"url":"([^"]*)"/g)].map(([, url]) => url!);
const bodies = (text: string): string[] => [...text.matchAll(/"body":"([^"]*)"/g)].map(([, body]) => body!);
const CHUNKED = "Transfer-Encoding: chunked\r\n";

test("pipelined requests are answered one by one, in their order, for any durations", async () => {
  let open = 0;
  const port = await start(exchange => {
    expect(++open).toBe(1);
    void bodyOf(exchange).then(async body => {
      await elapse(exchange.head.target === "/slow" ? 60 : 0);
      open--;
      reply(exchange, `${exchange.head.target}=${body}.`);
    });
  });
  const chunks = `POST /c HTTP/1.1\r\nHost: x\r\n${CHUNKED}\r\n2\r\ncc\r\n0\r\n\r\n`;
  const all = [post("/slow", "a"), get("/b"), chunks, post("/d", "dddd")].join("");
  const { text } = await talk(port, [all], answers(4));
  expect(text.match(/\/\w+=\w*\./g)).toEqual(["/slow=a.", "/b=.", "/c=cc.", "/d=dddd."]);
});

test("a request in pieces of one byte is the same request, and so is the next", async () => {
  const port = await start(mirror);
  const chunks = `POST /b HTTP/1.1\r\nHost: x\r\n${CHUNKED}\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\n`;
  const all = [post("/a", "hello"), chunks, get("/c")].join("");
  const socket = connect(port, "127.0.0.1").setNoDelay();
  let text = "";
  socket.on("data", chunk => {
    text += chunk.toString("latin1");
  });
  for (const byte of all) {
    socket.write(byte);
    await new Promise(setImmediate);
  }
  await expect.poll(() => targets(text)).toEqual(["/a", "/b", "/c"]);
  expect(bodies(text)).toEqual(["hello", "abc", ""]);
  socket.destroy();
});

test.each([
  ["1.1", get("/a") + get("/b"), [200, 200], false],
  ["1.1, asked to close", get("/a", "Connection: close\r\n") + get("/b"), [200], true],
  ["1.0", get("/a", "", 0) + get("/b", "", 0), [200], true],
  ["1.0, asked to stay", get("/a", "Connection: keep-alive\r\n", 0) + get("/b", "", 0), [200, 200], true],
  ["bytes that are no request after one", `${get("/a")}nonsense\r\n\r\n`, [200, 400], true],
] as const)("HTTP/%s: which requests are answered, and whether the connection stays", async (_, sent, codes, ends) => {
  const { text, ended } = await talk(await start(mirror), [sent], () => false, 300);
  expect(statuses(text)).toEqual(codes);
  expect(ended).toBe(ends);
  expect(/Connection: close/.test(text)).toBe(/Connection: close|nonsense/.test(sent));
});

test("a response to HEAD has the length of its missing body", async () => {
  const { text } = await talk(
    await start(exchange => reply(exchange, "body")),
    ["HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"],
    answers(1),
  );
  expect(text).toBe("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
});

test("a client that waits for 100 gets it, one that expects anything else is refused, and its body is read and discarded", async () => {
  const port = await start(mirror);
  const head = "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  expect((await talk(port, [head], text => text.endsWith("\r\n\r\n"))).text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  expect(statuses((await talk(port, [head, "ab"], answers(2))).text)).toEqual([100, 200]);
  const { text } = await talk(port, [post("/a", "ab", "Expect: more\r\n"), get("/b")], answers(2));
  expect(statuses(text)).toEqual([417, 200]);
  expect(statuses((await talk(port, [get("/a", "Expect: 100-continue\r\n", 0)], answers(1))).text)).toEqual([200]);
});

test("a body waits for its reader; without one it is read and discarded", async () => {
  const port = await start(exchange => {
    if (exchange.head.target === "/late") setTimeout(() => mirror(exchange), 60);
    else reply(exchange, "unread.");
  });
  const large = "x".repeat(300_000);
  const late = await talk(port, [post("/late", large), get("/late")], text => targets(text).length === 2);
  expect(bodies(late.text).map(body => body.length)).toEqual([large.length, 0]);
  const chunks = `POST /c HTTP/1.1\r\nHost: x\r\n${CHUNKED}\r\n${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`;
  const unread = await talk(
    port,
    [post("/", large), chunks, get("/")],
    text => (text.match(/unread\./g) ?? []).length === 3,
  );
  expect(statuses(unread.text)).toEqual([200, 200, 200]);
});

test("a body that is given up in its middle is read away", async () => {
  const port = await start(exchange => {
    exchange.readBody({
      data() {
        exchange.discardBody();
        reply(exchange, "enough.");
      },
      end: () => reply(exchange, "none."),
      cut() {},
    });
  });
  const { text } = await talk(port, [post("/", "x".repeat(500_000)), get("/")], answers(2));
  expect(text.match(/enough\.|none\./g)).toEqual(["enough.", "none."]);
});

test("broken chunks end the connection with 400, or with nothing once an answer has begun", async () => {
  const cuts: string[] = [];
  const port = await start(exchange => {
    exchange.gone.addEventListener("abort", () => cuts.push(exchange.head.target));
    if (exchange.head.target === "/early") void exchange.stream(200, [], parts("a", "b"));
    bodyOf(exchange).catch(() => cuts.push("body"));
  });
  const broken = (target: string): string => `POST ${target} HTTP/1.1\r\nHost: x\r\n${CHUNKED}\r\n2\r\nab\r\nzz`;
  expect(await talk(port, [broken("/a")], () => false)).toEqual({
    text: "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ended: true,
  });
  expect(cuts).toEqual(["/a", "body"]);
  expect((await talk(port, [broken("/early")], () => false)).text).not.toContain("400");
});

async function* parts(...texts: readonly string[]): AsyncGenerator<string> {
  for (const text of texts) yield text;
}

test("an answer in parts is sent in chunks, and unchanged to a client without chunks", async () => {
  const port = await start(exchange => void exchange.stream(200, [["X", "y"]], parts("one", "zw\xf6lf")));
  expect((await talk(port, [get("/")], text => text.endsWith("0\r\n\r\n"))).text).toBe(
    "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n6\r\nzw\xc3\xb6lf\r\n0\r\n\r\n",
  );
  expect(await talk(port, [get("/", "", 0)], () => false)).toEqual({
    text: "HTTP/1.1 200 OK\r\nX: y\r\n\r\nonezw\xc3\xb6lf",
    ended: true,
  });
});

test("parts are not made faster than the client reads them, nor after it has disconnected", async () => {
  let made = 0;
  let ended = false;
  const part = "x".repeat(2 ** 16);
  async function* many(): AsyncGenerator<string> {
    try {
      for (; made < 10_000; made++) yield part;
    } finally {
      ended = true;
    }
  }
  const port = await start(exchange => void exchange.stream(200, [], many()));
  const socket = connect(port, "127.0.0.1", () => socket.write(get("/")));
  socket.on("error", () => {}).pause();
  await until("the answer begins", () => made > 0);
  expect(await resting(() => made)).toBeLessThan(1000);
  socket.destroy();
  await expect.poll(() => ended).toBe(true);
  expect(made).toBeLessThan(1000);
});

test("requests are not read from a client that leaves its answers unread", async () => {
  let served = 0;
  const answer = Buffer.alloc(2 ** 19);
  const port = await start(exchange => {
    served++;
    exchange.reply(200, [["Content-Length", answer.length]], [answer]);
  });
  const socket = connect(port, "127.0.0.1", () => socket.write(get("/").repeat(500)));
  socket.on("error", () => {}).pause();
  await until("the first is served", () => served > 0);
  expect(await resting(() => served)).toBeLessThan(100);
  socket.resume();
  await expect.poll(() => served, { timeout: 10_000 }).toBe(500);
  socket.destroy();
});

test.each(["destroy", "end"] as const)("a client that leaves (%s) during a wait is noticed", async leave => {
  let exchange: Exchange | undefined;
  const port = await start(given => {
    exchange = given;
  });
  const socket = connect(port, "127.0.0.1", () => socket.write(get("/a")));
  socket.on("error", () => {});
  await expect.poll(() => exchange).toBeDefined();
  expect(exchange!.gone.aborted).toBe(false);
  if (leave === "end") socket.resume();
  socket[leave]();
  await expect.poll(() => exchange!.gone.aborted).toBe(true);
  let told = false;
  exchange!.reply(200, [], [], () => {
    told = true;
  });
  expect(told).toBe(true);
});

test("the handler is notified when the response was sent, and when it can't be", async () => {
  const told: string[] = [];
  const large = Buffer.alloc(2 ** 26);
  const port = await start(exchange => {
    const { target } = exchange.head;
    const body = target === "/large" ? large : Buffer.from("ok");
    exchange.reply(200, [["Content-Length", body.length]], [body], () => told.push(target));
  });
  await talk(port, [get("/")], text => text.endsWith("ok"));
  await expect.poll(() => told).toEqual(["/"]);
  const socket = connect(port, "127.0.0.1", () => socket.write(get("/large")));
  socket.on("error", () => {}).pause();
  await elapse(100);
  expect(told).toEqual(["/"]);
  socket.destroy();
  await expect.poll(() => told).toEqual(["/", "/large"]);
});

test.each([
  ["a head that does not come", "GET / HT", { headTime: 50 }, [400]],
  ["nothing at all", "", { headTime: 50 }, [400]],
  [
    "a body that does not come",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
    { requestTime: 50 },
    [400],
  ],
  ["no next request", get("/"), { idleTime: 50 }, [200]],
] as const)("%s has a time limit", async (_, sent, limits, codes) => {
  const port = await start(mirror, { lookEvery: 20, ...limits });
  const { text, ended } = await talk(port, [sent], () => false, 3000);
  expect(statuses(text)).toEqual(codes);
  expect(ended).toBe(true);
});

test("an answer that takes long is waited for, whatever the times are", async () => {
  const port = await start(exchange => void setTimeout(() => reply(exchange, "late."), 200), {
    lookEvery: 20,
    headTime: 50,
    requestTime: 50,
    idleTime: 5000,
  });
  const { text } = await talk(port, [get("/")], answers(1));
  expect(statuses(text)).toEqual([200]);
});

test("a connection too many is closed", async () => {
  const port = await start(mirror, { maxConnections: 1 });
  const first = connect(port, "127.0.0.1");
  await new Promise(resolve => first.once("connect", resolve));
  expect((await talk(port, [get("/")], answers(1), 2000)).text).toBe("");
  first.destroy();
});

test("a server that stops ends idle connections, answers the request of each other one, and closes it", async () => {
  const seen = new Set<string>();
  const server = await serveHttp1(exchange => {
    seen.add(exchange.head.target);
    if (exchange.head.target === "/slow") setTimeout(() => reply(exchange, "done."), 150);
    else reply(exchange, "quick.");
  });
  const idle = talk(server.port, [get("/")], () => false);
  const half = talk(server.port, ["GET / HTT"], () => false);
  const busy = talk(server.port, [get("/slow") + get("/slow")], () => false);
  await expect.poll(() => seen.size, { interval: 1 }).toBe(2);
  // The half of a head shows nowhere.
  await elapse(50);
  const began = performance.now();
  await server.stop(3000);
  expect(performance.now() - began).toBeLessThan(2500);
  expect(await idle).toMatchObject({ ended: true });
  expect(await half).toEqual({ text: "", ended: true });
  expect(await busy).toEqual({
    text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\ndone.",
    ended: true,
  });
});

test("a server that stops cuts what takes longer than its patience", async () => {
  let [seen, gone] = [false, false];
  const server = await serveHttp1(exchange => {
    seen = true;
    exchange.gone.addEventListener("abort", () => {
      gone = true;
    });
  });
  const waiting = talk(server.port, [get("/")], () => false);
  await expect.poll(() => seen, { interval: 1 }).toBe(true);
  await server.stop(50);
  expect((await waiting).text).toBe("");
  await expect.poll(() => gone).toBe(true);
});

test("blank lines without end, and requests that are held back, take no memory that grows", async () => {
  const port = await start(exchange => void setTimeout(() => mirror(exchange), 300));
  const before = process.memoryUsage.rss();
  await talk(port, ["\r\n".repeat(2 ** 22)], () => false, 400);
  const { text } = await talk(port, [get("/").repeat(2 ** 20)], answers(1), 1500);
  expect(statuses(text).length).toBeGreaterThan(0);
  expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
});

/**
 * Whole calls by Node's own HTTP/2 client, which is nghttp2: plain and over TLS, small and large, slow and broken off.
 */
import { mkdtempSync, readFileSync } from "node:fs";
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeFields } from "#runtime/server/transport/http2/hpack-encode.js";
import type { Stream } from "#runtime/server/transport/http2/stream.js";
import { makeCertificates } from "../../../client/certificates.js";
import { eventually, OK, start, WELL } from "./support.js";

let server: Awaited<ReturnType<typeof start>>;
/** Streams of `/kept`, to be answered by a test. */
const kept: Stream[] = [];
const refused = encodeFields([[":status", "415"]]);

beforeAll(async () => {
  server = await start({
    "/kept": stream => {
      kept.push(stream);
    },
    "/refused": stream => stream.respond(refused, true),
    "/head": stream => {
      const { headers } = stream.head;
      const body = Buffer.from(JSON.stringify(headers));
      stream.listen({ data() {}, end: () => stream.answer(OK, [body], WELL) });
    },
    "/stream": stream => {
      stream.respond(OK);
      stream.listen({
        data: chunk => {
          stream.write([Buffer.from(chunk)]);
        },
        end: () => stream.end(WELL),
      });
    },
    "/no-trailers": stream => {
      stream.respond(OK);
      stream.listen({ data: chunk => void stream.write([Buffer.from(chunk)]), end: () => stream.end() });
    },
  });
});
afterAll(() => server.stop(0));

interface Answer {
  readonly status: unknown;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders | undefined;
}

function call(
  session: ClientHttp2Session,
  path: string,
  body: Buffer,
  headers: Record<string, string | string[]> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": path, te: "trailers", ...headers });
    const chunks: Buffer[] = [];
    let status: unknown;
    let trailers: IncomingHttpHeaders | undefined;
    stream.on("response", found => {
      status = found[":status"];
    });
    stream.on("trailers", found => {
      trailers = found;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => resolve({ status, trailers, body: Buffer.concat(chunks) }));
    stream.end(body);
  });
}

const session = (options: SecureClientSessionOptions = {}, url = server.url): ClientHttp2Session => {
  const made = connect(url, options);
  made.on("error", () => {});
  return made;
};
/** Resolves when the other side has handled everything sent before. */
const answered = (client: ClientHttp2Session): Promise<void> =>
  new Promise((resolve, reject) => client.ping(error => (error ? reject(error) : resolve())));
const bytes = (size: number): Buffer => Buffer.from(Array.from({ length: size }, (_, i) => (i * 31) % 251));

test("bodies of any size are returned, by frames of any size and through windows of any size", async () => {
  for (const settings of [{}, { maxFrameSize: 2 ** 20 }, { initialWindowSize: 1000, headerTableSize: 0 }]) {
    const client = session({ settings });
    for (const size of [0, 1, 5, 16384, 16385, 65535, 65536, 300_000])
      for (const path of ["/echo", "/stream"]) {
        const body = bytes(size);
        const answer = await call(client, path, body);
        expect(answer.status).toBe(200);
        expect(answer.body.equals(body), `${path} ${size}`).toBe(true);
        expect(answer.trailers).toMatchObject({ "grpc-status": "0" });
      }
    client.destroy();
  }
});

test("eight megabytes go both ways on each of several streams", async () => {
  // Node's client has a bound on its memory that bodies of this size go over.
  const client = session({ settings: { initialWindowSize: 2 ** 20 }, maxSessionMemory: 1000 });
  const body = Buffer.alloc(2 ** 23, "merlon");
  const answers = await Promise.all(["/echo", "/stream", "/echo"].map(path => call(client, path, body)));
  for (const answer of answers) expect(answer.body.equals(body)).toBe(true);
  client.destroy();
});

test("the window updates of large bodies and of many small messages are not a flood", async () => {
  const strict = await start(
    {
      "/many": stream => {
        stream.respond(OK);
        let left = 2000;
        const next = (): void => {
          while (left > 0 && stream.writable)
            if (!stream.write([Buffer.alloc(40, left--)])) {
              stream.whenSent(next);
              return;
            }
          stream.end(WELL);
        };
        stream.listen({ data() {}, end: next });
      },
    },
    { limits: { idleFrames: [60, 0] } },
  );
  const client = session({ settings: { initialWindowSize: 2 ** 13 }, maxSessionMemory: 1000 }, strict.url);
  expect((await call(client, "/many", Buffer.alloc(0))).body).toHaveLength(80_000);
  client.settings({ initialWindowSize: 65535 });
  const body = Buffer.alloc(2 ** 22);
  expect((await call(client, "/echo", body)).body.equals(body)).toBe(true);
  client.destroy();
  expect(strict.seen.faults).toEqual([]);
  await strict.stop(0);
});

test("a thousand calls at once on one connection", async () => {
  const client = session();
  const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => call(client, "/echo", Buffer.from(`${i}`))));
  expect(answers.map(answer => answer.body.toString())).toEqual(answers.map((_, i) => `${i}`));
  client.destroy();
});

test("headers have node:http2's form: joined, the first of single ones, Latin-1, large", async () => {
  const client = session();
  const { body } = await call(client, "/head", Buffer.from("x"), {
    "x-many": ["a", "b"],
    cookie: ["c=1", "d=2"],
    "x-latin": "\u00e9",
    "x-empty": "",
    "x-large": "v".repeat(10_000),
    "content-length": "1",
  });
  expect(JSON.parse(body.toString())).toMatchObject({
    ":method": "POST",
    ":path": "/head",
    ":scheme": "http",
    ":authority": server.url.slice(7),
    te: "trailers",
    "x-many": "a, b",
    cookie: "c=1; d=2",
    "x-latin": "\u00e9",
    "x-empty": "",
    "x-large": "v".repeat(10_000),
    "content-length": "1",
  });
  client.destroy();
});

test("an answer without a body, without trailers, and one that is there before the request", async () => {
  const client = session();
  expect(await call(client, "/refused", Buffer.alloc(200_000))).toMatchObject({ status: 415, trailers: undefined });
  expect(await call(client, "/no-trailers", Buffer.from("x"))).toMatchObject({ status: 200, trailers: undefined });
  expect((await call(client, "/echo", Buffer.from("after"))).body.toString()).toBe("after");
  client.destroy();
});

test("headers that are longer than a frame arrive", async () => {
  const client = session();
  const answering = call(client, "/kept", Buffer.alloc(0));
  await eventually(() => kept.length).toBe(1);
  kept.pop()!.answer(OK, [Buffer.from("x")], encodeFields([["grpc-message", "m".repeat(40_000)]]));
  expect((await answering).trailers?.["grpc-message"]).toHaveLength(40_000);
  client.destroy();
});

test("a reader that is behind stops the writer, and starts it again", async () => {
  const client = session({ settings: { initialWindowSize: 2 ** 16 } });
  const request = client.request({ ":method": "POST", ":path": "/kept" });
  await eventually(() => kept.length).toBe(1);
  const stream = kept.pop()!;
  stream.respond(OK);
  expect(stream.write([Buffer.alloc(1000)])).toBe(true);
  expect(stream.write([Buffer.alloc(2 ** 18)])).toBe(false);
  let sent = false;
  stream.whenSent(() => {
    sent = true;
  });
  await answered(client);
  expect(sent).toBe(false);
  let taken = 0;
  request.on("data", (chunk: Buffer) => {
    taken += chunk.length;
  });
  await eventually(() => sent).toBe(true);
  expect(stream.write([Buffer.alloc(10)])).toBe(true);
  stream.end(WELL);
  await new Promise(resolve => request.on("end", resolve));
  expect(taken).toBe(1000 + 2 ** 18 + 10);
  client.destroy();
});

test("a writer that waits for a reader is notified when the reader leaves", async () => {
  const client = session();
  const request = client.request({ ":method": "POST", ":path": "/kept" });
  request.on("error", () => {});
  await eventually(() => kept.length).toBe(1);
  const stream = kept.pop()!;
  stream.respond(OK);
  expect(stream.write([Buffer.alloc(2 ** 20)])).toBe(false);
  const sent = new Promise<void>(resolve => stream.whenSent(resolve));
  request.close(constants.NGHTTP2_CANCEL);
  await sent;
  expect([stream.closed, stream.waiting]).toEqual([true, 0]);
  client.destroy();
});

test("the memory of a response is free when its connection is destroyed", async () => {
  const client = session();
  const request = client.request({ ":method": "POST", ":path": "/kept" });
  request.on("error", () => {});
  await eventually(() => kept.length).toBe(1);
  const stream = kept.pop()!;
  stream.respond(OK);
  stream.write([Buffer.alloc(2 ** 20)]);
  const { connection } = stream;
  const free = new Promise<void>(resolve => stream.onceClosed(() => connection.whenSent(resolve)));
  client.destroy();
  await free;
  // Also where a call was in progress when it was destroyed.
  await new Promise<void>(resolve => connection.whenSent(resolve));
});

test("a stream that is paused stops the sender, and gets all when it resumes", async () => {
  const client = session();
  const request = client.request({ ":method": "POST", ":path": "/kept" });
  await eventually(() => kept.length).toBe(1);
  const stream = kept.pop()!;
  let got = 0;
  let ended = false;
  stream.listen({
    data: chunk => {
      got += chunk.length;
      if (got < 2 ** 20) stream.pause();
    },
    end: () => {
      ended = true;
      stream.answer(OK, [], WELL);
    },
  });
  stream.pause();
  request.end(Buffer.alloc(2 ** 23));
  await answered(client);
  expect([got, ended]).toEqual([0, false]);
  // Stops itself again after each chunk of the first megabyte.
  while (got < 2 ** 20) {
    stream.resume();
    await new Promise(resolve => setImmediate(resolve));
  }
  request.resume();
  await new Promise(resolve => request.on("close", resolve));
  expect([got, ended]).toEqual([2 ** 23, true]);
  client.destroy();
});

test("a call that its client gives up is closed, and so are those of a connection that is lost", async () => {
  const client = session();
  const closed = () => server.seen.closed.filter(path => path === "/kept").length;
  const before = closed();
  const request = client.request({ ":method": "POST", ":path": "/kept" });
  request.on("error", () => {});
  await eventually(() => kept.length).toBe(1);
  request.close(constants.NGHTTP2_CANCEL);
  await eventually(closed).toBe(before + 1);
  const stream = kept.pop()!;
  expect([stream.closed, stream.writable]).toEqual([true, false]);
  stream.answer(OK, [Buffer.alloc(10)], WELL);
  const others = [1, 2].map(() => client.request({ ":method": "POST", ":path": "/kept" }).on("error", () => {}));
  await eventually(() => kept.length).toBe(2);
  client.destroy();
  await eventually(closed).toBe(before + 3);
  expect(others.length).toBe(kept.splice(0).length);
});

test("a call that the server resets ends with its code", async () => {
  const client = session();
  const answering = call(client, "/kept", Buffer.alloc(0));
  await eventually(() => kept.length).toBe(1);
  kept.pop()!.reset("INTERNAL_ERROR");
  await expect(answering).rejects.toMatchObject({ message: expect.stringContaining("NGHTTP2_INTERNAL_ERROR") });
  expect((await call(client, "/echo", Buffer.from("x"))).body.toString()).toBe("x");
  client.destroy();
});

test("a server that stops lets calls end, refuses new ones, and cuts what has no end", async () => {
  const own = await start({ "/kept": stream => void kept.push(stream) });
  const client = session({}, own.url);
  const idle = session({}, own.url);
  await call(idle, "/echo", Buffer.alloc(0));
  const answering = call(client, "/kept", Buffer.alloc(0));
  await eventually(() => kept.length).toBe(1);
  const idleGone = new Promise(resolve => idle.on("close", resolve));
  const away = new Promise(resolve => client.on("goaway", resolve));
  let stopped = false;
  const stopping = own.stop(60_000).then(() => {
    stopped = true;
  });
  await idleGone;
  expect(await away).toBe(constants.NGHTTP2_NO_ERROR);
  expect(stopped).toBe(false);
  kept.pop()!.answer(OK, [Buffer.from("late")], WELL);
  expect((await answering).body.toString()).toBe("late");
  await stopping;

  const other = await start({ "/kept": stream => void kept.push(stream) });
  const stuck = session({}, other.url);
  const lost = call(stuck, "/kept", Buffer.alloc(0)).catch(error => error);
  await eventually(() => kept.length).toBe(1);
  await other.stop(20);
  await lost;
  expect(kept.pop()!.closed).toBe(true);
});

test("our pings are answered, and a connection can be drained", async () => {
  const client = session();
  await call(client, "/echo", Buffer.alloc(0));
  const connection = server.seen.connections.at(-1)!;
  await new Promise<void>(resolve => connection.ping(resolve));
  const gone = new Promise<unknown[]>(resolve => client.on("goaway", (...found) => resolve(found)));
  connection.goAway("ENHANCE_YOUR_CALM", "too_many_pings");
  const [code, , text] = await gone;
  expect([code, String(text)]).toEqual([constants.NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings"]);
});

test("a bug in a handler ends the connection and not the server", async () => {
  const own = await start({
    "/bug": () => {
      throw new TypeError("a bug");
    },
  });
  const client = session({}, own.url);
  await call(client, "/bug", Buffer.alloc(0)).catch(() => {});
  await eventually(() => own.seen.faults).toMatchObject([{ message: "a bug" }]);
  const next = session({}, own.url);
  expect((await call(next, "/echo", Buffer.from("x"))).body.toString()).toBe("x");
  next.destroy();
  await own.stop(0);
});

test("over TLS, with ALPN or not at all", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-http2-"));
  makeCertificates(folder, ["server"]);
  const pem = (name: string): Buffer => readFileSync(join(folder, name));
  const own = await start({}, { tls: { cert: pem("server.pem"), key: pem("server.key") } });
  const trust = { ca: pem("root.pem"), servername: "triton.internal" };
  const client = session(trust, own.url);
  for (const size of [5, 1_000_000]) {
    const body = bytes(size);
    expect((await call(client, "/echo", body)).body.equals(body)).toBe(true);
  }
  await new Promise<void>(resolve => {
    const socket = connectTls({ port: own.port, host: "127.0.0.1", ...trust });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.write("GET / HTTP/1.1\r\n\r\n");
  });
  expect((await call(client, "/echo", Buffer.from("x"))).body.toString()).toBe("x");
  client.destroy();
  await own.stop(0);
});

/**
 * A server that stops loses no request that a client has written: it accepts its backlog, answers every request, and ends with 0.
 */
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { encode } from "#triton-protos/proto-root.js";
import { repository, startServer } from "../runtime/server/support.js";
import {
  END,
  END_HEADERS,
  eventually,
  GOAWAY,
  HEADERS,
  PING,
  POST,
  RawClient,
  raw,
} from "../runtime/server/transport/http2/support.js";
import { end, type ServerProcess, startProcess } from "./support/server-process.js";

let process_: ServerProcess | undefined;
afterEach(async () => {
  if (process_) await end(process_);
  process_ = undefined;
});
const start = async (...flags: string[]): Promise<ServerProcess> => {
  process_ = await startProcess("merlon", repository(["echo_int32"]), flags);
  return process_;
};

const TENSOR = { name: "INPUT0", datatype: "INT32", shape: [1, 4] };
const BODY = JSON.stringify({ inputs: [{ ...TENSOR, data: [1, 2, 3, 4] }] });
const REQUEST = `POST /v2/models/echo_int32/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
const isWhole = (text: string): boolean => /^HTTP\/1\.1 200 [\s\S]*"data":\[1,2,3,4\]/.test(text);

type End = "answered" | "refused" | "lost";
interface Asked {
  readonly end: End;
  readonly text: string;
}

/** One request on a connection of its own. `refused`: nothing was written. @param wait milliseconds between connecting and writing */
function ask(port: number, wait = 0, connected: () => void = () => {}): Promise<Asked> {
  return new Promise(resolve => {
    let text = "";
    let written = false;
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      written = true;
      connected();
      if (wait > 0) setTimeout(() => socket.write(REQUEST), wait);
      else socket.write(REQUEST);
    });
    socket.on("data", chunk => {
      text += chunk.toString("latin1");
      if (isWhole(text)) socket.destroy();
    });
    socket.on("end", () => socket.destroy());
    socket.on("error", () => {});
    socket.on("close", () => resolve({ end: isWhole(text) ? "answered" : written ? "lost" : "refused", text }));
  });
}

const count = (asked: readonly (Asked | End)[], wanted: End): number =>
  asked.filter(one => (typeof one === "string" ? one : one.end) === wanted).length;

test("720 requests on fresh connections around SIGTERM: none is lost", { retry: 1 }, async () => {
  const { ports, child, exited } = await start();
  let before: Promise<Asked>[] = [];
  let connections = 0;
  await new Promise<void>(hundred => {
    before = Array.from({ length: 480 }, () => ask(ports.http, 0, () => ++connections === 100 && hundred()));
  });
  child.kill("SIGTERM");
  const after = Array.from({ length: 240 }, () => ask(ports.http));
  const asked = await Promise.all([...before, ...after]);
  expect(count(asked, "lost")).toBe(0);
  expect(count(asked, "answered")).toBeGreaterThan(0);
  expect(count(asked, "answered") + count(asked, "refused")).toBe(720);
  expect(await exited).toBe(0);
});

test("a client that has connected and not yet written when the server stops is answered, and its connection closed", async () => {
  const { ports, child, exited } = await start();
  let [asked, connections]: [Promise<Asked>[], number] = [[], 0];
  await new Promise<void>(all => {
    asked = Array.from({ length: 50 }, () => ask(ports.http, 150, () => ++connections === 50 && all()));
  });
  child.kill("SIGTERM");
  const ended = await Promise.all(asked);
  expect(count(ended, "answered")).toBe(50);
  for (const { text } of ended) expect(text).toContain("Connection: close");
  expect(await exited).toBe(0);
});

/** Requests one after the other on a connection that stays, until the server closes it. */
function askAlways(
  port: number,
  stop: () => boolean,
  onAnswer: () => void = () => {},
): Promise<{ answered: number; lost: number }> {
  return new Promise(resolve => {
    let [answered, lost] = [0, 0];
    let waits = false;
    let text = "";
    const socket: Socket = connect(port, "127.0.0.1");
    const next = (): void => {
      if (stop()) return void socket.destroy();
      waits = true;
      text = "";
      socket.write(REQUEST);
    };
    socket.once("connect", next);
    socket.on("data", chunk => {
      text += chunk.toString("latin1");
      if (!isWhole(text)) return;
      answered++;
      onAnswer();
      waits = false;
      if (text.includes("Connection: close")) socket.destroy();
      else next();
    });
    socket.on("end", () => socket.destroy());
    socket.on("error", () => {});
    socket.on("close", () => {
      if (waits) lost++;
      resolve({ answered, lost });
    });
  });
}

// A client that takes longer than NEXT_REQUEST_MS to its next request may meet the end of its connection.
test("connections that stay lose nothing either: the last answer says that it is the last", { retry: 2 }, async () => {
  const { ports, child, exited } = await start();
  let answers = 0;
  const asking = Array.from({ length: 16 }, () =>
    askAlways(
      ports.http,
      () => false,
      () => void answers++,
    ),
  );
  await expect.poll(() => answers, { interval: 5, timeout: 10_000 }).toBeGreaterThan(32);
  child.kill("SIGTERM");
  const ended = await Promise.all(asking);
  expect(ended.reduce((sum, { lost }) => sum + lost, 0)).toBe(0);
  expect(ended.reduce((sum, { answered }) => sum + answered, 0)).toBeGreaterThan(32);
  expect(await exited).toBe(0);
});

const MESSAGE = encode("inference.ModelInferRequest", {
  model_name: "echo_int32",
  inputs: [TENSOR],
  raw_input_contents: [new Uint8Array(Int32Array.of(1, 2, 3, 4).buffer)],
});
const FRAME = Buffer.concat([Buffer.from([0]), Buffer.alloc(4), MESSAGE]);
FRAME.writeUInt32BE(MESSAGE.length, 1);

/** One call on a connection of its own. */
function call(port: number, greeted: () => void = () => {}): Promise<End> {
  return new Promise(resolve => {
    let connected = false;
    let status: unknown;
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.once("connect", () => {
      connected = true;
      greeted();
    });
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": "/inference.GRPCInferenceService/ModelInfer",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("trailers", headers => {
      status = headers["grpc-status"];
    });
    stream.on("error", () => {});
    stream.resume().end(FRAME);
    stream.on("close", () => {
      session.destroy();
      resolve(status === "0" ? "answered" : connected ? "lost" : "refused");
    });
  });
}

test("360 gRPC calls on fresh connections around SIGTERM: none is lost", { retry: 1 }, async () => {
  const { ports, child, exited } = await start();
  let before: Promise<End>[] = [];
  let connections = 0;
  await new Promise<void>(fifty => {
    before = Array.from({ length: 240 }, () => call(ports.grpc, () => ++connections === 50 && fifty()));
  });
  child.kill("SIGTERM");
  const after = Array.from({ length: 120 }, () => call(ports.grpc));
  const called = await Promise.all([...before, ...after]);
  expect(count(called, "lost")).toBe(0);
  expect(count(called, "answered")).toBeGreaterThan(0);
  expect(await exited).toBe(0);
});

test("a gRPC connection ends in two steps, and a call that is written between them is served", async () => {
  const server = await startServer(repository(["echo_int32"]), { http: false, metrics: false });
  const client = new RawClient(server.ports.grpc!);
  // Without a content type of gRPC a call is answered with HTTP's status alone, at once.
  const call = (stream: number): Buffer => raw(HEADERS, END + END_HEADERS, stream, POST);
  const answered = (stream: number): boolean =>
    client.frames.some(frame => frame.type === HEADERS && frame.stream === stream);
  const lastStreams = (): number[] =>
    client.frames.filter(({ type }) => type === GOAWAY).map(({ payload }) => payload.readUInt32BE());
  client.send(call(1));
  await eventually(() => answered(1)).toBe(true);
  const stopped = server.stop();
  await eventually(lastStreams).toEqual([2 ** 31 - 1]);
  const [ping] = client.frames.filter(({ type }) => type === PING);
  client.send(call(3));
  await eventually(() => answered(3)).toBe(true);
  client.send(raw(PING, 1, 0, ping!.payload));
  await eventually(lastStreams).toEqual([2 ** 31 - 1, 3]);
  await eventually(() => client.ended).toBe(true);
  await stopped;
});

test("--drain-delay serves on, not ready, and answers ask clients to go", async () => {
  const { ports, child, exited, output } = await start("--drain-delay=1.5");
  const http = `http://127.0.0.1:${ports.http}`;
  const kept = askAlways(ports.http, () => false);
  expect((await fetch(`${http}/v2/health/ready`)).status).toBe(200);
  child.kill("SIGTERM");
  await expect.poll(async () => (await fetch(`${http}/v2/health/ready`)).status).toBe(400);
  expect((await fetch(`${http}/v2/health/live`)).status).toBe(200);
  const asked = await ask(ports.http);
  expect(asked.end).toBe("answered");
  expect(asked.text).toContain("Connection: close");
  expect(await call(ports.grpc)).toBe("answered");
  expect((await kept).lost).toBe(0);
  expect(await exited).toBe(0);
  expect(output()).not.toMatch(/^E/m);
});

test("a server without clients stops at once", async () => {
  const { child, exited } = await start();
  const began = performance.now();
  child.kill("SIGTERM");
  expect(await exited).toBe(0);
  // 20 to 40 ms on a quiet machine.
  expect(performance.now() - began).toBeLessThan(1000);
});

// The connection of one server, over a stream whose other end the test holds.
import { EventEmitter, once } from "node:events";
import { Duplex } from "node:stream";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { hashStream } from "#runtime/stores/feast/hash-stream.js";
import { encodeHmgets } from "#runtime/stores/feast/hmget.js";

const KEYS = [Buffer.from("key")];
const FIELDS = [Buffer.from("field")];
const REPLY = Buffer.from("*1\r\n$1\r\nx\r\n");

/** Keeps the chunks that are written to it; `isBusy` leaves them unsent. */
class FakeStream extends Duplex {
  readonly sent: Buffer[] = [];
  isBusy = false;
  override _read(): void {}
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.sent.push(chunk);
    if (!this.isBusy) done();
  }
}

function connection() {
  const errors: Error[] = [];
  const made = () => new FakeStream().on("error", error => errors.push(error));
  const client = Object.assign(new EventEmitter(), { stream: made(), status: "connecting", disconnect() {} });
  return { client, errors, made, hashes: hashStream(client as unknown as Redis) };
}

test("before its connection is there: not ready, a read is refused, and there is nothing to close", async () => {
  const { hashes, client } = connection();
  expect(hashes.ready).toBe(false);
  await expect(hashes.read(KEYS, FIELDS)).rejects.toThrow("Connection is closed.");
  hashes.closeIfSilent(performance.now());
  expect(client.stream.sent).toEqual([]);
});

test("two announcements of one connection: each reply is read once", async () => {
  const { hashes, client } = connection();
  client.emit("ready");
  client.emit("ready");
  expect(hashes.ready).toBe(true);
  const [first, second] = [hashes.read(KEYS, FIELDS), hashes.read(KEYS, FIELDS)];
  client.stream.push(REPLY);
  expect((await first).bytes.toString()).toContain("x");
  client.stream.push(REPLY);
  await second;
  expect(client.stream.destroyed).toBe(false);
});

test("another connection takes over: waiting reads of the old one fail, and its end changes nothing", async () => {
  const { hashes, client, made } = connection();
  client.emit("ready");
  const old = client.stream;
  const waiting = hashes.read(KEYS, FIELDS);
  old.destroy();
  await expect(waiting).rejects.toThrow("Connection is closed.");
  expect(hashes.ready).toBe(false);
  client.stream = made();
  client.emit("ready");
  const replies = hashes.read(KEYS, FIELDS);
  client.stream.push(REPLY);
  expect((await replies).bytes.toString()).toContain("x");
});

test("a connection that ends after another one has taken over ends no reads of that", async () => {
  const { hashes, client, made } = connection();
  client.emit("ready");
  const old = client.stream;
  client.stream = made();
  client.emit("ready");
  const replies = hashes.read(KEYS, FIELDS);
  old.destroy();
  await once(old, "close");
  expect(hashes.ready).toBe(true);
  client.stream.push(REPLY);
  expect((await replies).bytes.toString()).toContain("x");
});

test("replies are read by the stream alone, and not by the client's parser", async () => {
  const { hashes, client } = connection();
  const parsed: string[] = [];
  client.stream.on("data", chunk => parsed.push(String(chunk)));
  client.emit("ready");
  const replies = hashes.read(KEYS, FIELDS);
  client.stream.push(REPLY);
  await replies;
  expect(parsed).toEqual([]);
});

test.each([
  ["that is malformed fails its read", "?", /^a reply/, 1],
  ["without a request closes the connection", REPLY.toString(), /^it sends a response without a request$/, 0],
])("a response %s", async (_, response, message, reads) => {
  const { hashes, client, errors } = connection();
  client.emit("ready");
  const faults = Array.from({ length: reads }, () => hashes.read(KEYS, FIELDS).catch((error: Error) => error.message));
  const closed = new Promise(resolve => client.stream.once("close", resolve));
  client.stream.push(Buffer.from(response));
  await closed;
  const said = [...(await Promise.all(faults)), ...errors.map(error => error.message)];
  expect(said).toEqual(Array.from({ length: reads + 1 }, () => expect.stringMatching(message) as unknown));
});

test("a server that reads nothing: no more is sent than 64 MiB", async () => {
  const { hashes, client } = connection();
  client.emit("ready");
  client.stream.isBusy = true;
  const sizeOf = (key: Buffer): number => encodeHmgets([key], FIELDS).length;
  const wide = Buffer.alloc((64 << 20) - 1000);
  // Both together are exactly as much as may wait.
  const rest = Buffer.alloc(wide.length + 1000 - sizeOf(wide) - (sizeOf(Buffer.alloc(900)) - 900));
  const first = hashes.read([wide], FIELDS);
  expect(hashes.ready).toBe(true);
  const second = hashes.read([rest], FIELDS);
  expect(client.stream.writableLength).toBe(64 << 20);
  expect(hashes.ready).toBe(false);
  await expect(hashes.read(KEYS, FIELDS)).rejects.toThrow("it does not read what is sent");
  client.stream.destroy();
  for (const one of [first, second]) await expect(one).rejects.toThrow("Connection is closed.");
});

test("a server that is silent since an instant is cut off, and one that has sent something later is not", async () => {
  const { hashes, client, errors } = connection();
  client.emit("ready");
  const began = performance.now();
  const first = hashes.read(KEYS, FIELDS);
  client.stream.push(REPLY);
  await first;
  hashes.closeIfSilent(began);
  expect(client.stream.destroyed).toBe(false);
  const waiting = hashes.read(KEYS, FIELDS);
  hashes.closeIfSilent(performance.now());
  await expect(waiting).rejects.toThrow("Connection is closed.");
  expect(errors.map(({ message }) => message)).toEqual(["it did not answer"]);
});

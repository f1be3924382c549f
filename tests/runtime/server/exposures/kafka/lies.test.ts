// Brokers that lie: whatever bytes answer, requests are answered, the fault is named, and the server ends.
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { startServer } from "../../support.js";
import { loggedRepository, requestOf } from "../logged-ensemble.js";

const ROW = { user: 1, ids: [1, 2, 3, 4, 5, 6], popular: [3, 9] };
let repository: string;
beforeAll(async () => {
  repository = await loggedRepository();
}, 120_000);

const framed = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const NOISE = Buffer.from(Array.from({ length: 400 }, (_, i) => (i * 197 + 31) & 255));
/** The request's correlation id, which a response begins with. */
const correlation = (request: Buffer): Buffer => request.subarray(8, 12);

const LIES: readonly (readonly [name: string, answer: (request: Buffer) => Buffer])[] = [
  ["a frame of 2 GiB", request => Buffer.concat([Buffer.from("7fffffff", "hex"), correlation(request)])],
  ["a frame of a negative length", request => Buffer.concat([Buffer.from("ffffffff", "hex"), correlation(request)])],
  ["another request's response", () => framed(Buffer.from("7ffffff0000000000000", "hex"))],
  ["random bytes", request => framed(Buffer.concat([correlation(request), NOISE]))],
];

/** A broker, and bytes that its clients took. */
async function startBroker(serve: (socket: Socket, request: Buffer) => void) {
  const sockets = new Set<Socket>();
  const broker = createServer(socket => {
    sockets.add(socket.on("error", () => {}));
    socket.on("data", (data: Buffer) => {
      if (data.length >= 12) serve(socket, data);
    });
  });
  await once(broker.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    broker.close();
    for (const socket of sockets) socket.destroy();
  });
  const folder = `kafka://127.0.0.1:${(broker.address() as AddressInfo).port}/exposures`;
  const server = await startServer(repository, { exposures: { folder }, exitTimeoutSeconds: 2 });
  onTestFinished(() => server.stop());
  for (const id of ["a", "b"])
    expect((await server.post("/v2/models/logged/infer", requestOf([ROW], { id }))).status).toBe(200);
  const logs = (text: string) => vi.waitFor(() => expect(server.log.join("")).toContain(text), 60_000);
  return { server, logs, sockets };
}

test.each(LIES)("%s", { timeout: 120_000 }, async (_, answer) => {
  const { server, logs } = await startBroker((socket, request) => socket.write(answer(request)));
  await logs("exposures cannot be written to 'kafka:");
  // The thread keeps the waiting exposures.
  expect(server.log.join("")).not.toMatch(/has ended|again'/);
  await server.stop();
  expect(server.log.join("")).toMatch(
    /exposures of [12] batches \(\d+ bytes\) could not be written to 'kafka:[^']*' before/,
  );
});

test("a frame of 2 GiB that is sent ends its connection after some megabytes", { timeout: 120_000 }, async () => {
  const MIB = Buffer.alloc(2 ** 20);
  const { logs, sockets } = await startBroker((socket, request) => {
    socket.write(Buffer.concat([Buffer.from("7fffffff", "hex"), correlation(request)]));
    const send = (left: number): void => void (left > 0 && socket.write(MIB, error => error ?? send(left - 1)));
    send(128);
  });
  await logs("exposures cannot be written to 'kafka:");
  for (const { bytesWritten } of sockets) expect(bytesWritten).toBeLessThan(32 * 2 ** 20);
});

test("a list without an end takes a bounded heap of the writer's thread", { timeout: 120_000 }, async () => {
  // Each entry has a tag of a negative length, so the entry is read again.
  const entry = Buffer.from("0000ffffffff070000000000000100f3ffffff0f", "hex");
  const { logs } = await startBroker((socket, request) =>
    socket.write(framed(Buffer.concat([correlation(request), entry]))),
  );
  await logs("the thread that writes exposures has ended: Worker terminated due to reaching memory limit");
});

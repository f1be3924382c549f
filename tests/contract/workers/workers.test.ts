/**
 * Worker threads behind `WorkerHost`: calls and their errors, ends of all kinds, and messages that no honest worker sends.
 */
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { type HostOptions, WorkerFault, WorkerHost } from "#contract/workers/worker-host.js";
import { builtUrl } from "../../needs/built.js";

// biome-ignore lint/suspicious/noExplicitAny: each test has functions of its own
type Any = Record<string, (argument: any) => any>;

const served = builtUrl("contract/workers/serve-calls.js");
const moduleOf = (code: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort } from "node:worker_threads";
      import { moved, native, serveCalls, workerStart } from ${JSON.stringify(served)};
      ${code}`)}`,
  );

const hosts: WorkerHost<Any>[] = [];
afterEach(async () => {
  await Promise.all(hosts.splice(0).map(host => host.thread.terminate()));
});

function host(code: string, options: Partial<HostOptions> = {}): WorkerHost<Any> {
  const made = new WorkerHost<Any>({ title: "the test's thread", module: moduleOf(code), ...options });
  hosts.push(made);
  return made;
}

test("calls have results, in any order, and memory moves both ways", async () => {
  const worker = host(
    `const held = new Map();
    serveCalls({
      sum: numbers => moved(Float64Array.of(numbers.reduce((a, b) => a + b)), []),
      echo: bytes => moved(bytes, [bytes.buffer]),
      hold: name => new Promise(done => held.set(name, done)),
      letGo: name => held.get(name)(name),
      data: () => workerStart(),
    });`,
    { data: { given: 1n } },
  );
  const [first, second] = ["first", "second"].map(name => worker.call("hold", name));
  expect(await worker.call("sum", Float64Array.of(1, 2, 3.5))).toEqual(Float64Array.of(6.5));
  const bytes = Uint8Array.of(1, 2, 3);
  const echoed = worker.call("echo", bytes, [bytes.buffer]);
  expect(bytes.byteLength).toBe(0);
  expect(await echoed).toEqual(Uint8Array.of(1, 2, 3));
  expect(await worker.call("data", undefined)).toEqual({ given: 1n });
  expect(worker.pending).toBe(2);
  await worker.call("letGo", "second");
  expect(await second).toBe("second");
  expect(worker.pending).toBe(1);
  await worker.call("letGo", "first");
  expect(await first).toBe("first");
  expect(worker.pending).toBe(0);
});

test("errors have name, message and code, and the worker continues", async () => {
  const worker = host(`serveCalls({
    range: () => { throw new RangeError("too far"); },
    missing: async () => { throw Object.assign(new Error("no file"), { code: "ENOENT" }); },
    text: () => { throw "a text"; },
    nothing: () => { throw null; },
    unclonable: () => () => {},
    fine: () => 1,
  });`);
  await expect(worker.call("range", 0)).rejects.toMatchObject({ name: "RangeError", message: "too far" });
  await expect(worker.call("missing", 0)).rejects.toMatchObject({ message: "no file", code: "ENOENT" });
  await expect(worker.call("text", 0)).rejects.toThrow("a text");
  await expect(worker.call("nothing", 0)).rejects.toThrow("null");
  await expect(worker.call("unclonable", 0)).rejects.toMatchObject({ name: "DataCloneError" });
  await expect(worker.call("unknown", 0)).rejects.toThrow(WorkerFault);
  await expect(worker.call("fine", () => {})).rejects.toMatchObject({ name: "DataCloneError" });
  expect(worker.pending).toBe(0);
  expect(await worker.call("fine", 0)).toBe(1);
});

test.each([
  ["throws", `setTimeout(() => { throw new Error("lost"); }, 20)`, "the test's thread has ended: lost"],
  ["throws null", "setTimeout(() => { throw null; }, 20)", "the test's thread has ended: null"],
  ["exits", "setTimeout(() => process.exit(3), 20)", "the test's thread has ended: exit code 3"],
  ["does not start", `throw new TypeError("no start")`, "the test's thread has ended: no start"],
  ["has nothing left to do", "", "the test's thread has ended"],
])("a thread that %s rejects all calls, later ones too", async (_, code, message) => {
  const worker = host(
    `const port = serveCalls({ never: () => { port.unref(); return new Promise(() => {}); } }); ${code}`,
  );
  const calls = await Promise.allSettled([worker.call("never", 1), worker.call("never", 2)]);
  for (const call of calls) {
    expect(call).toMatchObject({ status: "rejected", reason: { name: "WorkerEnded", message } });
  }
  expect((await worker.ended).message).toBe(message);
  expect(worker.takesCalls).toBe(false);
  await expect(worker.call("never", 3)).rejects.toThrow(message);
  await worker.end();
  await worker.terminate();
});

test("a thread beyond its memory is named, and the process continues", async () => {
  // Not one loop that allocates arrays: V8 of Node 24 and 26 compiles it to code that nothing interrupts.
  const body = "const all = []; const more = () => { for (let i = 0; i < 1e5; i++) all.push({ i }); };";
  const worker = host(`${body} serveCalls({ fill: () => { for (;;) more(); } });`, {
    resourceLimits: { maxOldGenerationSizeMb: 16 },
  });
  await expect(worker.call("fill", 0)).rejects.toThrow(
    "the test's thread has ended: Worker terminated due to reaching memory limit: JS heap out of memory",
  );
});

test("an end lets calls finish, cleans up, and refuses what follows", async () => {
  const worker = host(
    `const port = serveCalls({ later: ms => new Promise(done => setTimeout(done, ms, ms)) }, { onEnd: async () => {
      await new Promise(done => setTimeout(done, 20));
      port.notify(7);
    }});`,
  );
  const notified = once(worker.thread, "message").then(() => once(worker.thread, "message"));
  const before = worker.call("later", 50);
  const ended = worker.end();
  await expect(worker.call("later", 1)).rejects.toThrow("the test's thread has ended: it was closed");
  expect(await before).toBe(50);
  expect(await notified).toEqual([7]);
  await ended;
  expect(await worker.ended).toMatchObject({ exitCode: 0 });
});

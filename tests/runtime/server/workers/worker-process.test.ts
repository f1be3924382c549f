/** A worker as its control process has it. */
import { expect, test } from "vitest";
import { type WorkerEvents, WorkerProcess } from "#runtime/server/workers/worker-process.js";

test("a worker that is killed serves no more from that moment on, and is left out once it has ended", async () => {
  const ends: string[] = [];
  const events: WorkerEvents = {
    answers: () => ({}) as ReturnType<WorkerEvents["answers"]>,
    onNote() {},
    onEnd: (_, how) => void ends.push(how),
    onSilent() {},
  };
  const worker = new WorkerProcess(0, 0, "serving", events, { env: {} });
  worker.kill();
  expect(worker.state).toBe("stopping");
  await worker.ended;
  expect([worker.state, ends]).toEqual(["gone", ["was ended by SIGKILL"]]);
  worker.kill();
  expect(worker.state).toBe("gone");
});

test.each([
  ["SIGKILL", "was ended by SIGKILL, as by the kernel when memory runs out"],
  ["SIGABRT", /^was ended by SIGABRT, as when its heap is full/],
  ["SIGSEGV", "was ended by SIGSEGV"],
] as const)("a worker that %s ends from outside: the log has a likely reason", async (signal, how) => {
  const ends: string[] = [];
  const events: WorkerEvents = {
    answers: () => ({}) as ReturnType<WorkerEvents["answers"]>,
    onNote() {},
    onEnd: (_, one) => void ends.push(one),
    onSilent() {},
  };
  const worker = new WorkerProcess(0, 0, "serving", events, { env: {} });
  worker.child.kill(signal);
  await worker.ended;
  expect(ends).toEqual([typeof how === "string" ? how : expect.stringMatching(how)]);
});

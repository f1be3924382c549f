/**
 * Workers whose models differ, for whatever reason, have the same again after the next comparison.
 */
import { expect, test } from "vitest";
import { markOf, type Override } from "#runtime/server/models/override.js";
import type { ServerLog } from "#runtime/server/observe/server-log.js";
import { Changes } from "#runtime/server/workers/changes.js";
import { Comparison } from "#runtime/server/workers/comparison.js";
import type { Change } from "#runtime/server/workers/messages.js";
import type { WorkerProcess } from "#runtime/server/workers/worker-process.js";

/** The mark of the files on disk. */
const DISK = "\ndisk";

/** A worker without a process. @param breaks whether its loads fail */
function fake(changes: () => Changes, breaks = false) {
  const ready = new Map<string, string>();
  let go: (failed: unknown) => void = () => {};
  const change = async (operation: number, one: Change): Promise<void> => {
    if (one.change === "unload") ready.delete(one.model);
    if (one.change !== "load") return;
    const mark = one.override ? await markOf(one.override) : DISK;
    const ignores = one.override?.files.size && !one.override.isExact && ready.has(one.model);
    if (ready.get(one.model) === mark || ignores) return;
    const faults = breaks ? "no" : "";
    const failed = await new Promise(resolve => {
      go = resolve;
      changes().outcome(worker, operation, one.model, { mark, faults, reasons: {}, keepsStatistics: false });
    });
    if (failed || breaks) throw new Error("no");
    ready.set(one.model, mark);
  };
  const worker = {
    state: "serving",
    link: {
      async ask(call: string, argument: { operation: number; change: Change }) {
        if (call === "change") await change(argument.operation, argument.change);
        return { ready: new Map(ready), allReady: true };
      },
      note: ({ failed }: { failed: unknown }) => go(failed),
    },
  } as unknown as WorkerProcess;
  return { worker, ready };
}

function two(breaks = false) {
  const all = [fake(() => changes), fake(() => changes, breaks)];
  const workers = () => all.map(({ worker }) => worker);
  const changes: Changes = new Changes({
    workers,
    onPublished: () => {},
    refresh: async () => {},
    control: "explicit",
  });
  const lines: string[] = [];
  const note = (level: string) => (_: string, text: string) => void lines.push(`${level} ${text}`);
  const log = { error: note("E"), info: note("I") } as unknown as ServerLog;
  const [a, b] = all as [(typeof all)[0], (typeof all)[0]];
  return { changes, lines, a, b, comparison: new Comparison(changes, workers, log) };
}

const upload = (text: string): Override => ({ config: "{}", files: new Map([["1/model.onnx", Buffer.from(text)]]) });

test("a worker with the files of another upload, without a model, or with one too many gets the files of the others", async () => {
  const { changes, comparison, lines, a, b } = two();
  await changes.run({ change: "load", model: "m", override: upload("new") });
  await changes.run({ change: "load", model: "disk" });
  const agreed = new Map(a.ready);
  expect(await comparison.run()).toBe(true);
  expect(lines).toEqual([]);
  a.ready.set("m", await markOf(upload("old")));
  b.ready.delete("disk");
  expect(await comparison.run()).toBe(true);
  expect([a.ready, b.ready]).toEqual([agreed, agreed]);
  expect(lines).toEqual([
    "E workers have different files of these models, which are loaded again: m, disk",
    "I all workers have the same files of these models again: m, disk",
  ]);
});

test("a difference that cannot be mended is logged once", async () => {
  const { comparison, lines, a } = two(true);
  a.ready.set("m", DISK);
  expect([await comparison.run(), await comparison.run()]).toEqual([false, false]);
  expect(lines).toEqual([
    "E workers have different files of these models, which are loaded again: m",
    "E workers still have different files of these models; load or unload them: m",
  ]);
});

test("files that were ignored are not those that a worker in the place of another loads", async () => {
  const { changes } = two();
  await changes.run({ change: "load", model: "m", override: upload("first") });
  await changes.run({ change: "load", model: "m", override: upload("ignored") });
  expect(changes.loads.map(({ override }) => override)).toEqual([{ ...upload("first"), isExact: true }]);
  expect(changes.onDisk).toEqual([]);
});

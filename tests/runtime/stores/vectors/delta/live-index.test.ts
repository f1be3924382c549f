// An index whose delta changes while searches hold it. A state closes once, when it is not the newest and each search has released it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { sumOfFile } from "#formats/folders/manifest.js";
import { openLiveIndex } from "#runtime/stores/vectors/delta/live-index.js";
import { openDeltaWriter } from "#runtime/stores/vectors/delta/write-delta.js";
import { elapse } from "../../../../run/wait.js";

/** An index, the path of its delta, and a function that deletes an id there. */
function inFolder() {
  const folder = mkdtempSync(join(tmpdir(), "merlon-live-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [index, delta] = [join(folder, "items.faiss"), join(folder, "items.faiss.delta")];
  writeFileSync(index, "an index");
  const remove = async (id: bigint) => {
    const base = { file: "", ...sumOfFile(index) };
    const header = () => ({ ids: "int64" as const, dimension: 1, metric: "l2" as const, unit: false, base });
    const writer = await openDeltaWriter(delta, { waitMs: 1000, header });
    writer.append({ deletes: BigInt64Array.of(id) });
    writer.close();
  };
  return { index, delta, remove };
}

test("states close when their last search has ended", async () => {
  const { index, delta, remove } = inFolder();
  const closed: string[] = [];
  const state = (name: string) => ({ name, close: async () => void closed.push(name) });
  let overlays = 0;
  const live = await openLiveIndex({
    ...{ index, delta },
    openBase: async (_, found) => state(found ? "base of a delta" : "base"),
    openOverlay: async () => state(`overlay ${++overlays}`),
  });
  const names = ({ base, overlay }: ReturnType<typeof live.acquire>) => [base.name, overlay?.name];
  const next = async (name: string) => {
    await vi.waitFor(() => {
      const lease = live.acquire();
      lease.release();
      expect(lease.overlay?.name).toBe(name);
    });
    return live.acquire();
  };

  const [first, again] = [live.acquire(), live.acquire()];
  expect(names(first)).toEqual(["base", undefined]);
  await remove(1n);
  const second = await next("overlay 1");
  expect(names(second)).toEqual(["base of a delta", "overlay 1"]);
  first.release();
  await Promise.resolve();
  expect(closed).toEqual([]);
  again.release();
  await vi.waitFor(() => expect(closed).toEqual(["base"]));
  await remove(2n);
  const third = await next("overlay 2");
  second.release();
  await vi.waitFor(() => expect(closed).toEqual(["base", "overlay 1"]));
  third.release();
  await live.close();
  expect(closed).toEqual(["base", "overlay 1", "overlay 2", "base of a delta"]);
});

test("a state that cannot be opened is reported once, and the one before stays", async () => {
  const { index, delta, remove } = inFolder();
  const warnings: string[] = [];
  let fault: string | undefined;
  const live = await openLiveIndex({
    ...{ index, delta },
    openBase: async () => ({ close: () => {} }),
    openOverlay: async (_, { contents }) => {
      if (fault !== undefined) throw new Error(fault);
      return { count: contents.touched.length, close: () => {} };
    },
    warn: text => warnings.push(text),
  });
  const count = (): number | undefined => {
    const { overlay, release } = live.acquire();
    release();
    return overlay?.count;
  };
  await remove(1n);
  await vi.waitFor(() => expect(count()).toBe(1));
  fault = "no memory.";
  await remove(2n);
  await vi.waitFor(() => expect(warnings).toEqual(["no memory. What was read before is served on."]));
  await remove(3n);
  await elapse(300);
  expect([warnings.length, count()]).toEqual([1, 1]);
  fault = undefined;
  await remove(4n);
  await vi.waitFor(() => expect(count()).toBe(4));
  fault = "none again.";
  await remove(5n);
  await vi.waitFor(() => expect(warnings).toHaveLength(2));
  await live.close();
});

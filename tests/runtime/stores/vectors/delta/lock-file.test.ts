// A lock that one writer has: another waits for it, and for no longer than it may.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lockFile } from "#runtime/stores/vectors/delta/lock-file.js";
import { elapse } from "../../../../run/wait.js";

test("a second writer has its turn after the first, or is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-lock-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "items.lock");
  const first = await lockFile(file, "the items", 0);
  await expect(lockFile(file, "the items", 0)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "another process writes the items, and still did after 0 ms. Wait for it, or give a longer `--wait`.",
  });
  const order: string[] = [];
  const waiting = lockFile(file, "the items", 60_000).then(release => {
    order.push("second");
    return release;
  });
  await elapse(100);
  order.push("first");
  first();
  const second = await waiting;
  expect(order).toEqual(["first", "second"]);
  second();
});

/** A heap that is too small is a warning before V8 aborts the process. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { heapWarning } from "#cli/heap.js";
import { MERLON } from "../needs/built.js";

const MIB = 2 ** 20;

test.each([
  ["serve", 64, 63],
  ["build", 128, 127],
])("merlon %s: %i MiB of old space are enough, and %i are not", (command, enough, few) => {
  expect(heapWarning(command, (enough + 48) * MIB)).toBeUndefined();
  expect(heapWarning(command, (few + 48) * MIB)).toBe(
    `warning: the heap may take ${few} MiB, and \`merlon ${command}\` needs at least ${enough}: V8 may abort the process. Give it more memory, or set NODE_OPTIONS=--max-old-space-size=${enough}`,
  );
  expect(heapWarning("client", MIB)).toBeUndefined();
});

test("the warning is the first line of a check that V8 aborts", () => {
  const program = join(import.meta.dirname, "../../examples/shop/recommend.ensemble.ts");
  const { stderr, status } = spawnSync(process.execPath, ["--max-old-space-size=40", MERLON, "check", program], {
    encoding: "utf8",
  });
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/^warning: the heap may take 40 MiB, and `merlon check` needs at least 128/);
});

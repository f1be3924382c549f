/** Lists of processors, and the numbers of threads that follow from them and from the environment. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import {
  allowedProcessors,
  parseProcessors,
  printProcessors,
  threadEnvironment,
  usableProcessors,
} from "#runtime/base/processors.js";

test("lists as Linux writes them, and back", () => {
  expect(parseProcessors("0-2,8")).toEqual([0, 1, 2, 8]);
  expect(parseProcessors(" 5,1-1,4-5\n")).toEqual([1, 4, 5]);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(8191), { minLength: 1, maxLength: 50 }), all => {
      const sorted = [...all].sort((a, b) => a - b);
      expect(parseProcessors(printProcessors(sorted))).toEqual(sorted);
    }),
  );
});

test.each(["", ",", "1,", "a", "-1", "2-1", "0x1", "1-2-3", "8192", "0-9999", "99999", "1 2", "0:1"])(
  "'%s' is not a list",
  text => expect(parseProcessors(text)).toBeUndefined(),
);

test("the affinity is read from the kernel's file, and is absent without it", () => {
  const proc = mkdtempSync(join(tmpdir(), "merlon-proc-"));
  onTestFinished(() => rmSync(proc, { recursive: true }));
  mkdirSync(join(proc, "self"));
  expect(allowedProcessors({ proc })).toBeUndefined();
  writeFileSync(
    join(proc, "self/status"),
    "Name:\tnode\nCpus_allowed:\t5\nCpus_allowed_list:\t0,2\nMems_allowed:\t1\n",
  );
  expect(allowedProcessors({ proc })).toEqual([0, 2]);
});

test("a quota bounds the processors, and one is left", () => {
  expect(usableProcessors(8, 2.9)).toBe(2);
  expect(usableProcessors(2, 64)).toBe(2);
  expect(usableProcessors(8, 0.1)).toBe(1);
});

test("threads of a worker follow its processors", () => {
  const of = (processors: number) => threadEnvironment(processors, {});
  expect(of(1)).toEqual({
    MERLON_THREADS: "1",
    UV_THREADPOOL_SIZE: "2",
    OMP_NUM_THREADS: "1",
    OPENBLAS_NUM_THREADS: "1",
  });
  expect(of(6)).toMatchObject({ MERLON_THREADS: "6", UV_THREADPOOL_SIZE: "6", OMP_NUM_THREADS: "6" });
  expect(of(64).UV_THREADPOOL_SIZE).toBe("16");
});

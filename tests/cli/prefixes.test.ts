/** A message that ends a command begins with `merlon: `, whichever part of the program found the mistake. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { MERLON } from "../needs/built.js";

test.each([
  ["an unknown command", ["chekc"], "unknown command 'chekc'"],
  ["an unknown option", ["check", "--watchh"], "unknown option '--watchh'"],
  ["a missing option", ["fit", "x.workflow.ts"], "required option '-d, --data <paths...>' not specified"],
  ["a choice", ["completion", "tcsh"], "'tcsh' is invalid for argument 'shell'"],
  ["a nested command", ["client", "infer"], "missing required argument 'model'"],
  ["a value", ["predict", "x.onnx", "-d", "x", "-o", "y", "--keep", "a="], "Write a column as NAME"],
  ["a flag of the server", ["serve", "--no-such-flag"], "unrecognized option '--no-such-flag'"],
  ["a server without models", ["serve"], "--model-repository is missing"],
  ["a file that is not there", ["predict", "none.onnx", "-d", "none.csv", "-o", "out.parquet"], "none.onnx"],
])("%s", (_, words, said) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MERLON, ...words], { encoding: "utf8" });
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^merlon: /);
  expect(stderr).toContain(said);
  expect(stderr).not.toMatch(/^error: |^\s+at /m);
});

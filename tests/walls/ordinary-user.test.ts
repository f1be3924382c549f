/**
 * The tests of this folder run without root's rights, in a temporary folder of their own.
 */
import { accessSync, constants, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";

test("the suite does not run as root, and its folder is private", ({ skip }) => {
  skip(process.env.MERLON_ORDINARY_USER !== "1", "only `npm test` runs the suite as an ordinary user");
  expect(process.getuid!()).not.toBe(0);
  expect(process.getgroups!()).not.toContain(0);
  expect(() => accessSync("/etc", constants.W_OK)).toThrow("EACCES");
  const { uid, mode } = statSync(tmpdir());
  expect({ uid, mode: mode & 0o077 }).toEqual({ uid: process.getuid!(), mode: 0 });
});

/** A model has not changed if its folder cannot be listed without a free descriptor, so it is not loaded again. */
import { expect, test } from "vitest";
import { BESIDE_REQUESTS, type Disk } from "#runtime/server/models/disk.js";
import { fingerprint } from "#runtime/server/models/layout.js";
import { repository } from "../support.js";

const failing = (code: string): Disk => ({
  ...BESIDE_REQUESTS,
  list: folder =>
    folder.endsWith("/1") ? Promise.reject(Object.assign(new Error(code), { code })) : BESIDE_REQUESTS.list(folder),
});

test("a version folder that cannot be opened now fails the look, and a missing one counts as empty", async () => {
  const folder = `${repository(["echo_int32"], { "echo_int32/1/file": "content" })}/echo_int32`;
  for (const code of ["EMFILE", "ENFILE"]) await expect(fingerprint(folder, failing(code))).rejects.toThrow(code);
  const { parts } = await fingerprint(folder, failing("ENOENT"));
  expect(parts.get("1")).toBe("1@()");
});

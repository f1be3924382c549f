/** The folder of the workers' sockets: their paths have to fit the system's limit. */
import { expect, test } from "vitest";
import { TemporaryFolder } from "#contract/files/temporary-folder.js";
import { makeSocketFolder, parentOfSockets, requirePrivate, socketPath } from "#runtime/server/peers/socket-folder.js";

test("is in the temporary folder, unless paths of sockets would be too long there", () => {
  expect(parentOfSockets("/var/tmp")).toBe("/var/tmp");
  expect(parentOfSockets(`/tmp/${"x".repeat(80)}`)).toBe("/tmp");
  // Bytes count, not characters.
  expect(parentOfSockets(`/tmp/${"ü".repeat(30)}`)).toBe("/tmp");
});

test("the longest parent that is taken has room for a socket", async () => {
  const parents = Array.from({ length: 100 }, (_, i) => `/tmp/${"x".repeat(i + 1)}`);
  const longest = parents.findLast(parent => parentOfSockets(parent) === parent)!;
  const folder = new TemporaryFolder("workers", parentOfSockets());
  const own = folder.path.split("/").at(-1)!;
  folder.disposeSync();
  expect(Buffer.byteLength(socketPath(`${longest}/${own}`, 255))).toBeLessThanOrEqual(107);
  await expect(requirePrivate(`${longest}/${own}`)).rejects.toThrow("ENOENT");
});

test("no folder can be made: the message names the first, and the variable", () => {
  const warnings: string[] = [];
  expect(() => makeSocketFolder(text => warnings.push(text), ["/missing", "/proc"])).toThrow(
    "the workers need a folder for their sockets: no temporary folder can be made in '/missing': it does not exist. Set TMPDIR to a folder that this user can write to",
  );
  expect(warnings).toEqual([]);
});

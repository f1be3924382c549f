/**
 * Deleting works on handles: a folder is removed by the code that made it, or after its process certainly ended.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ownerTag } from "#contract/files/owner-tag.js";
import { removeAbandonedFolders, TemporaryFolder } from "#contract/files/temporary-folder.js";
import { StagingFolder } from "#formats/folders/replace-folder.js";
import { builtUrl } from "../needs/built.js";
import { repository, startServer } from "../runtime/server/support.js";

const place = (): string => mkdtempSync(join(tmpdir(), "merlon-handles-"));

/** A process that runs a line of code and waits. */
async function waiting(code: string, env: Record<string, string> = {}) {
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", `${code}\nconsole.log("made"); setInterval(() => {}, 1000);`],
    { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  return {
    async kill() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

test("a handle removes the folder that it made, and neither another of its name nor what a link leads to", async () => {
  const parent = place();
  const plain = new TemporaryFolder("test", parent);
  writeFileSync(join(plain.path, "file"), "x");
  await plain.dispose();
  expect(existsSync(plain.path)).toBe(false);
  const replaced = new TemporaryFolder("test", parent);
  renameSync(replaced.path, `${replaced.path}-moved`);
  mkdirSync(replaced.path);
  writeFileSync(join(replaced.path, "other"), "x");
  await replaced.dispose();
  expect(readdirSync(replaced.path)).toEqual(["other"]);
  const linked = new TemporaryFolder("test", parent);
  renameSync(linked.path, `${linked.path}-moved`);
  symlinkSync(replaced.path, linked.path);
  linked.disposeSync();
  expect(readdirSync(replaced.path)).toEqual(["other"]);
});

test("a parent that is missing or a file is named, with the variable to set", () => {
  const parent = place();
  writeFileSync(join(parent, "file"), "");
  const reasons = { missing: "it does not exist", file: "a part of its path is a file, and no folder" };
  for (const [name, reason] of Object.entries(reasons))
    expect(() => new TemporaryFolder("test", join(parent, name))).toThrow(
      `no temporary folder can be made in '${join(parent, name)}': ${reason}. Set TMPDIR to a folder`,
    );
});

test("temporary folders of a killed process are removed by a later server; those of others stay", async () => {
  const parent = place();
  const make = `import { TemporaryFolder } from "${builtUrl("contract/files/temporary-folder.js")}"; new TemporaryFolder("test");`;
  const [dead, alive] = await Promise.all([0, 1].map(() => waiting(make, { TMPDIR: parent })));
  const [machine] = ownerTag().split(".");
  const foreign = [
    "merlon-test-00000000.1.1-abcdef",
    `merlon-test-${machine}.1-abcdef`,
    "merlon-jail-abcdef",
    "merlon-test",
  ];
  for (const name of foreign) mkdirSync(join(parent, name));
  const own = new TemporaryFolder("test", parent);
  expect(await removeAbandonedFolders(parent)).toEqual([]);
  await dead!.kill();
  const removed = await removeAbandonedFolders(parent);
  expect(removed).toHaveLength(1);
  expect(readdirSync(parent)).toHaveLength(foreign.length + 2);
  await own.dispose();
  // The server looks in the folder of this run.
  const killed = await waiting(make);
  await killed.kill();
  const left = () => readdirSync(tmpdir()).filter(name => name.startsWith("merlon-test-"));
  expect(left()).toHaveLength(1);
  const server = await startServer(repository(["echo_int32"]));
  await expect.poll(left, { timeout: 20_000 }).toEqual([]);
  await server.stop();
  await alive!.kill();
});

test("two builders of one process id have two staging folders", () => {
  const target = join(place(), "out");
  const [a, b] = [new StagingFolder(target), new StagingFolder(target)];
  expect(a.path).not.toBe(b.path);
  writeFileSync(join(a.path, "file"), "a");
  writeFileSync(join(b.path, "file"), "b");
  a.replace();
  b.replace();
  a.dispose();
  b.dispose();
  expect(readdirSync(join(target, ".."))).toEqual(["out"]);
  expect(readdirSync(target)).toEqual(["file"]);
});

test("staging folders of a killed builder are removed, those of a running one stay, and its retired folder is restored", async () => {
  const parent = place();
  const target = join(parent, "out");
  const make = `import { StagingFolder } from "${builtUrl("formats/folders/replace-folder.js")}"; new StagingFolder(${JSON.stringify(target)});`;
  const dead = await waiting(make);
  const [first] = readdirSync(parent);
  await dead.kill();
  renameSync(join(parent, first!), join(parent, first!.replace("staging", "retired")));
  const alive = await waiting(make);
  // The second builder brought back what the first had retired.
  expect(readdirSync(parent).filter(name => name === "out")).toEqual(["out"]);
  new StagingFolder(target).dispose();
  expect(readdirSync(parent)).toHaveLength(2);
  await alive.kill();
  new StagingFolder(target).dispose();
  expect(readdirSync(parent)).toEqual(["out"]);
});

/** Whether the owner of a tag ended: an own child, a zombie, a process id that was used again, and another machine's. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ownerIsGone, ownerTag } from "#contract/files/owner-tag.js";

const [machine] = ownerTag().split(".");
const statOf = (pid: number): readonly string[] =>
  readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
const tagOf = (pid: number): string => `${machine}.${pid}.${statOf(pid)[19]}`;

test("a process and its zombie", async () => {
  // The child of `sleep` ends when its input does, and `sleep` never collects its status.
  const parent = spawn("sh", ["-c", "cat <&3 & echo $!; exec sleep 600"], {
    stdio: ["ignore", "pipe", "ignore", "pipe"],
  });
  const [printed] = (await once(parent.stdout!, "data")) as [Buffer];
  const pid = Number(printed.toString());
  const tag = tagOf(pid);
  expect(ownerIsGone(tag)).toBe(false);
  process.kill(pid, "SIGKILL");
  await expect.poll(() => statOf(pid)[0]).toBe("Z");
  expect(ownerIsGone(tag)).toBe(true);
  parent.kill("SIGKILL");
  await once(parent, "close");
});

test("an own tag, one of a later process with the same id, and one of another machine", () => {
  expect(ownerIsGone(ownerTag())).toBe(false);
  expect(ownerIsGone(`${machine}.${process.pid}.1`)).toBe(true);
  expect(ownerIsGone(`00000000.${process.pid}.1`)).toBe(false);
});

/**
 * A process whose event loop hangs ends when the process that started it is killed, with the binding and without it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { builtUrl } from "../../../needs/built.js";
import { until } from "../../../run/wait.js";
import { isAlive } from "./served.js";

const CHILD = `
  const { endWithParent } = await import(${JSON.stringify(builtUrl("runtime/server/workers/end-with-parent.js"))});
  if (process.argv[1] === "kernel") endWithParent();
  else endWithParent({});
  // The thread of the second way is running by then.
  setTimeout(() => {
    process.stdout.write(process.pid + "\\n");
    for (;;);
  }, 500);`;

const PARENT = (way: string): string => `
  const { spawn } = await import("node:child_process");
  spawn(process.execPath, ["--input-type=module", "-e", ${JSON.stringify(CHILD)}, ${JSON.stringify(way)}], { stdio: "inherit" });`;

test.each(["kernel", "thread"])("a process that hangs ends with its parent: by the %s", async way => {
  const parent = spawn(process.execPath, ["--input-type=module", "-e", PARENT(way)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(parent.stdout!, "data")) as [Buffer];
  const child = Number(line);
  expect(isAlive(child)).toBe(true);
  parent.kill("SIGKILL");
  await until("the child has ended", () => !isAlive(child));
});

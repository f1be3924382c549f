/** The set-up ends with the time of its downloads and of the rest. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import "../needs/built.js";
import { ROOT } from "./graph.mjs";

const SET_UP = `import { setup, step } from "./scripts/setup.mjs";
const pause = () => new Promise(done => setTimeout(done, 1500));
await step("one", pause, { downloads: true });
await step("two", pause);
await setup();`;

test("steps that download are reported apart, with the Node that was brought before", () => {
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", SET_UP], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, MERLON_NODE_MS: "60000" },
  });
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^Set-up: downloads 6[12]\.\d s, the rest \d+\.\d s$/m);
});

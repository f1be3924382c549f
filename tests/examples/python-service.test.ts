/**
 * The Python service of `examples/`, tested as its reader would, with this project's own server.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MERLON } from "../needs/built.js";
import { python } from "../needs/python.js";

const root = new URL("../..", import.meta.url).pathname;

test("passes its own tests against merlon serve", () => {
  const { status, stderr } = spawnSync(python(), ["-m", "unittest"], {
    cwd: join(root, "examples", "python-service"),
    encoding: "utf8",
    env: {
      ...process.env,
      PYTHONDONTWRITEBYTECODE: "1",
      MERLON_COMMAND: `${process.execPath} ${MERLON}`,
      MERLON_REPOSITORY: join(root, "model-repo"),
    },
  });
  expect([status, stderr]).toEqual([0, expect.stringMatching(/Ran 2 tests/)]);
}, 60_000);

/** One worker finds that a large file is damaged: the others do not serve the model any longer, although their own comparison still runs. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { printManifest } from "#formats/folders/manifest.js";
import { until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { GOOD, INFER, serveWorkers } from "./served.js";

test("a model that is damaged is unloaded in all workers", async () => {
  const place = mkdtempSync(join(tmpdir(), "merlon-damage-"));
  const [late, first, go] = ["late.mjs", "first", "go"].map(name => join(place, name)) as [string, string, string];
  // The thread that hashes waits, in all processes but the first.
  writeFileSync(
    late,
    `import { existsSync, writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
if (!isMainThread)
  try { writeFileSync(${JSON.stringify(first)}, "", { flag: "wx" }); }
  catch { while (!existsSync(${JSON.stringify(go)})) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20); }
`,
  );
  const folder = repository(["echo_int32"]);
  const model = join(folder, "echo_int32");
  const weights = join(model, "1/weights.bin");
  mkdirSync(join(model, "1"), { recursive: true });
  writeFileSync(weights, Buffer.alloc(3 << 20, 1));
  appendFileSync(join(model, "config.pbtxt"), '\nparameters { key: "merlon_manifest" value { string_value: "2" } }\n');
  writeFileSync(join(model, "manifest.json"), printManifest(model));
  writeFileSync(weights, Buffer.alloc(3 << 20, 2));
  const env = { NODE_OPTIONS: `--import=${pathToFileURL(late)}` };
  const served = await serveWorkers(folder, 2, [], undefined, { env });
  await until("one has found it", () =>
    /unloading 'echo_int32' version 1: .*weights\.bin has the checksum/.test(served.log()),
  );
  await until("no worker serves it", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => served.call("POST", INFER, GOOD)));
    return answers.every(({ status }) => status !== 200);
  });
  const { json } = await served.call("POST", "/v2/repository/index", {});
  expect(json).toMatchObject([{ name: "echo_int32", version: "1", state: "UNAVAILABLE" }]);
  writeFileSync(go, "");
  expect(await served.stop()).toBe(0);
  rmSync(place, { recursive: true });
});

/** A model that is removed while a poll reads it is a removed model. An explicit load reports a fault. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { RegistryOptions } from "#runtime/server/models/load-options.js";
import { ModelIds } from "#runtime/server/models/model-ids.js";
import { createReader } from "#runtime/server/models/read-models.js";
import { repository } from "../support.js";

test.each([
  ["poll", []],
  ["explicit", [expect.stringMatching(/^Poll failed for model directory 'a': ENOENT/)]],
] as const)("%s", async (control, errors) => {
  const folder = repository([], { "a/config.pbtxt": 'name: "a"', "a/1/model.onnx": "", "a/odd/x": "" });
  const said: string[] = [];
  const log = {
    // A version folder that is none is reported between the look at the folder and the look into it.
    warning: () => rmSync(join(folder, "a"), { recursive: true, force: true }),
    error: (_: string, text: string) => void said.push(text),
    hint: () => {},
  };
  const options = { repositories: [folder], control, log } as unknown as RegistryOptions;
  const reading = createReader(options, new ModelIds(false)).read("a", undefined, new Map());
  await expect(reading).rejects.toThrow("failed to load 'a', failed to poll from model repository");
  expect(said).toEqual(errors);
});

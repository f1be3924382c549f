// Hashes of the files and folders that a plan opens, by the manifest of its build.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Plan } from "#contract/plan.js";
import { artefactHashes } from "#formats/folders/artefact-hashes.js";
import { MANIFEST_FILE } from "#formats/folders/manifest.js";

const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
/** A model's folder with a manifest of these files. */
function model(files: Readonly<Record<string, string>> | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), "merlon-hashes-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "7"));
  if (files) {
    const sums = Object.entries(files).map(([path, text]) => [path, { bytes: text.length, sha256: sha(text) }]);
    const manifest = { format: "merlon/manifest", version: 2, files: Object.fromEntries(sums) };
    writeFileSync(join(folder, MANIFEST_FILE), JSON.stringify(manifest));
  }
  return join(folder, "7");
}
interface Opened {
  readonly artefacts: Readonly<Record<string, string>>;
  readonly parts?: readonly Opened[];
}
const plan = (...steps: readonly Opened[]): Plan => ({ steps }) as unknown as Plan;

test("a file has the first digits of its checksum, one of each path, those of parts among them", () => {
  const folder = model({ "7/a.onnx": "a", "7/etl/b.arrow": "b", "7/plan.json": "p", "config.pbtxt": "c" });
  const parts = [{ artefacts: { table: "etl/b.arrow" } }, { artefacts: { model: "a.onnx" } }];
  expect(artefactHashes(plan({ artefacts: { model: "a.onnx" } }, { artefacts: {}, parts }), folder)).toEqual({
    "a.onnx": sha("a").slice(0, 16),
    "etl/b.arrow": sha("b").slice(0, 16),
  });
});

test("a folder has a hash of the paths and checksums in it, in order, and of no other with its name in front", () => {
  const files = { "7/store/z": "z", "7/store/a/b": "b", "7/stores/x": "x", "7/store.json": "j" };
  const expected = sha(`/a/b ${sha("b")}\n/z ${sha("z")}`).slice(0, 16);
  const step = { artefacts: { store: "store" } };
  expect(artefactHashes(plan(step), model(files))).toEqual({ store: expected });
  expect(artefactHashes(plan(step), model(Object.fromEntries(Object.entries(files).reverse())))).toEqual({
    store: expected,
  });
  // A folder of one file is not that file.
  expect(artefactHashes(plan(step), model({ "7/store/z": "z" }))).toEqual({
    store: sha(`/z ${sha("z")}`).slice(0, 16),
  });
});

test("what the manifest does not list has none, and neither has a model without a manifest", () => {
  const step = { artefacts: { store: "store", model: "a.onnx" } };
  expect(artefactHashes(plan(step), model({ "7/a.onnx": "a", "6/store": "s", store: "s", "7/x/store": "s" }))).toEqual({
    "a.onnx": sha("a").slice(0, 16),
  });
  expect(artefactHashes(plan(step), model(undefined))).toEqual({});
});

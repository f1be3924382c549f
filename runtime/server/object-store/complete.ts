/**
 * Whether a model is whole: its objects are those that its manifest lists. `merlon build` writes the manifest, and an upload sends it last.
 */
import type { FileSum, Manifest } from "../../../formats/folders/manifest.js";
import { MANIFEST_FILE } from "../../../formats/folders/manifest-names.js";
import type { ListedFile } from "./listed.js";

const CONFIG = "config.pbtxt";
/** The check beside a file that is written in place. */
const CHECK = ".check";

/** The model folders of a repository, with their files by path from the folder. Files beside the folders are of no model. */
export function modelsOf(files: readonly ListedFile[]): ReadonlyMap<string, ReadonlyMap<string, ListedFile>> {
  const models = new Map<string, Map<string, ListedFile>>();
  for (const file of files) {
    const slash = file.path.indexOf("/");
    if (slash === -1) continue;
    const name = file.path.slice(0, slash);
    const model = models.get(name) ?? new Map<string, ListedFile>();
    model.set(file.path.slice(slash + 1), file);
    models.set(name, model);
  }
  return models;
}

/** @returns a sentence about the first file that differs; undefined for a model that is whole */
export function incompleteness(
  model: string,
  files: ReadonlyMap<string, ListedFile>,
  manifest: Manifest,
): string | undefined {
  for (const [path, { bytes }] of manifest.files) {
    const found = files.get(path);
    // Operators may edit it; a server that loads it warns.
    if (path === CONFIG && found) continue;
    if (!found) return `${model}/${path} is in its manifest and not uploaded`;
    if (bytes >= 0 && found.bytes !== bytes)
      return `${model}/${path} has ${found.bytes} bytes, and its manifest says ${bytes}`;
  }
  const inPlace = new Set(manifest.inPlace.flatMap(path => [path, `${path}${CHECK}`]));
  for (const path of files.keys())
    if (path !== MANIFEST_FILE && path !== CONFIG && !manifest.files.has(path) && !inPlace.has(path))
      return `${model}/${path} is uploaded and not in its manifest`;
  return undefined;
}

/** The checksum that a manifest has for a file. */
export function sumOf(manifests: ReadonlyMap<string, Manifest>, path: string): FileSum | undefined {
  const slash = path.indexOf("/");
  return manifests.get(path.slice(0, slash))?.files.get(path.slice(slash + 1));
}

/** Whether a file is the configuration of a model, which operators may edit. */
export const isConfig = (path: string): boolean => path.slice(path.indexOf("/") + 1) === CONFIG;

/**
 * The last two files of a built model: its configuration, and the manifest with the checksums of all others.
 */
import { readdirSync, writeFileSync } from "node:fs";
import { basename, join, sep } from "node:path";
import { LIVE_FOLDER } from "../../contract/files/live-folder.js";
import { CHECK_SUFFIX } from "../../formats/feast/store-check.js";
import { type BuiltFrom, MANIFEST_FILE, MANIFEST_PARAMETER, printManifest } from "../../formats/folders/manifest.js";
import { CANDIDATES_SUFFIX } from "../../formats/tables/candidate-table.js";
import { type ModelConfigInit, printModelConfig } from "../../triton-protos/model-config.js";

/** @param folder of the model, with all other files in place */
export function finishModel(folder: string, config: ModelConfigInit, built: BuiltFrom): void {
  const parameters = { ...config.parameters, [MANIFEST_PARAMETER]: { string_value: "2" } };
  writeFileSync(join(folder, "config.pbtxt"), printModelConfig({ ...config, parameters }));
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const checks = paths.filter(path => path.endsWith(CHECK_SUFFIX));
  const live = paths.filter(path => path.split(sep)[1] === LIVE_FOLDER);
  // Tables of candidates are replaced while they are served, and have their checksum inside.
  const tables = paths.filter(path => path.endsWith(CANDIDATES_SUFFIX));
  const inPlace = [...checks.map(path => path.slice(0, -CHECK_SUFFIX.length)), ...tables];
  writeFileSync(
    join(folder, MANIFEST_FILE),
    printManifest(folder, { inPlace, built, without: new Set([...checks, ...live]) }),
  );
}

export const isNoManifest = (path: string): boolean => basename(path) !== MANIFEST_FILE;

/**
 * A path to one of Merlin's schema files, or to the folder that holds it → its columns. A folder is searched as Merlin searches it:
 * `.merlin/schema.json` before `schema.pbtxt`.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Schema } from "../../contract/schema.js";
import { MerlinSchemaError, parseMerlinJson, parseMerlinPbtxt } from "./merlin-schema.js";

const FILES = [join(".merlin", "schema.json"), "schema.pbtxt"];

/** @throws MerlinSchemaError */
export function readMerlinSchema(path: string): Schema {
  const file = statSync(path).isDirectory() ? fileIn(path) : path;
  const text = readFileSync(file, "utf8");
  const schema = file.endsWith(".json") ? parseMerlinJson(text, file) : parseMerlinPbtxt(text, file);
  if (schema.length === 0) throw new MerlinSchemaError(`${file} is not a Merlin schema: it has no columns`);
  return schema;
}

function fileIn(folder: string): string {
  const found = FILES.map(name => join(folder, name)).find(file => existsSync(file));
  if (found) return found;
  throw new MerlinSchemaError(`${folder} has neither ${FILES.map(name => `\`${name}\``).join(" nor ")}`);
}

/**
 * Writes the files of a record into a folder.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Files, onnxFile } from "./records.js";

export function placeFiles(root: string, files: Files): void {
  for (const [path, value] of Object.entries(files)) placeFile(root, path, value);
}

export function placeFile(root: string, path: string, value: string): void {
  const target = join(root, path);
  if (value === "dir:" || path.endsWith("/")) {
    mkdirSync(target, { recursive: true });
    return;
  }
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content(value));
}

function content(value: string): Buffer {
  if (value.startsWith("onnx:")) return onnxFile(value.slice(5));
  if (value.startsWith("base64:")) return Buffer.from(value.slice(7), "base64");
  return Buffer.from(value, "utf8");
}

// Parts that scripts which bundle the product have in common: URLs of modules, ONNX Runtime's tensors, and the packages whose code a bundle contains.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const DIST = join(ROOT, "dist");

/** Packages whose code is copied into bundles; all others with their own files, and native ones, are imported. */
export const INLINED = /^(\.|\/|#|\0|protobufjs|@protobufjs|zod|yaml|commander)/;

const slashes = path => path.split(sep).join("/");

/** A module finds its workers and data files beside itself, in the bundle too. Its own URL is therefore resolved from the folder of the chunk. */
export const ownUrls = folder => ({
  name: "own-urls",
  transform(code, id) {
    if (!id.startsWith(DIST) || !code.includes("import.meta.url")) return null;
    const own = slashes(relative(folder, id));
    return code.replaceAll("import.meta.url", `new URL(${JSON.stringify(own)}, import.meta.url).href`);
  },
});

/** Only the class of tensors of ONNX Runtime's package, which is JavaScript; `runtime/server/backends/onnx-binding.ts` opens the native part beside it. */
export const isTensor = (id, importer) => id === "onnxruntime-node" && importer?.endsWith("/onnx-tensor.js");
export const ownTensor = {
  name: "own-tensor",
  resolveId: (id, importer) =>
    isTensor(id, importer) ? fileURLToPath(import.meta.resolve("onnxruntime-common")) : null,
};

/** The folders of packages whose code is in the chunks of a bundle. @returns sorted, without repetition */
export function packagesIn(chunks) {
  const folders = new Set();
  for (const id of chunks.flatMap(chunk => Object.keys(chunk.modules ?? {}))) {
    if (!id.includes("node_modules")) continue;
    let folder = dirname(id.replace(/^\0/, "").replace(/\?.*$/, ""));
    // A package.json without a name only says how its folder is read.
    while (!existsSync(join(folder, "package.json")) || manifestOf(folder).name === undefined) folder = dirname(folder);
    folders.add(folder);
  }
  return [...folders].sort();
}

export const manifestOf = folder => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/**
 * Files replace those of before one by one, whole, so that a command that starts meanwhile finds one or the other. An entry follows the
 * files that it imports.
 * @param chunks as rolldown generates them: `{ fileName, code, isEntry }`
 */
export function replaceFiles(folder, chunks) {
  mkdirSync(folder, { recursive: true });
  const stale = new Set(readdirSync(folder));
  for (const { fileName, code } of chunks.toSorted((a, b) => Number(a.isEntry ?? false) - Number(b.isEntry ?? false))) {
    const staged = join(folder, `.${process.pid}-${fileName}`);
    writeFileSync(staged, code);
    renameSync(staged, join(folder, fileName));
    stale.delete(fileName);
  }
  // A command that runs may write and remove the cache of its code meanwhile.
  for (const name of stale) rmSync(join(folder, name), { recursive: true, force: true });
}

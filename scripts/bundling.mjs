// Parts that scripts which bundle the product have in common: URLs of modules, ONNX Runtime's tensors, and the packages whose code a bundle contains.
import { existsSync, readFileSync } from "node:fs";
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

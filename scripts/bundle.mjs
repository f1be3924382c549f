// dist/ → dist/bundle/: the modules of the commands in a few files, so that a start does not read some three hundred; and `merlon` for
// programs. The commands and the compiler take them when they are there and not older than dist/. Packages with native code, and code that
// only a few models need, stay outside. The code for cli/code-cache.ts is CommonJS: `vm.Script` takes V8's cached data.
import { readFileSync, rmSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const out = join(dist, "bundle");
/** The programs as they are installed: CommonJS too, since Node's loader of modules takes a tenth of a server's start. */
const bin = join(dist, "bin");

/** A module finds its workers and data files beside itself, and so it must in the bundle: its own URL, seen from there. */
const ownUrls = folder => ({
  name: "own-urls",
  transform(code, id) {
    if (!id.startsWith(dist) || !code.includes("import.meta.url")) return null;
    const own = relative(folder, id).split(sep).join("/");
    return code.replaceAll("import.meta.url", `new URL(${JSON.stringify(own)}, import.meta.url).href`);
  },
});

/**
 * ONNX Runtime's package is reduced to its class of tensors, which is JavaScript; `runtime/server/backends/onnx-binding.ts` opens the
 * native part beside it.
 */
const isTensor = (id, importer) => id === "onnxruntime-node" && importer?.endsWith("/onnx-tensor.js");
const ownTensor = {
  name: "own-tensor",
  resolveId: (id, importer) =>
    isTensor(id, importer) ? fileURLToPath(import.meta.resolve("onnxruntime-common")) : null,
};

/** A script of V8's has no `import()` without a warning; who runs it hands one in under another name. */
const ownImport = {
  name: "own-import",
  renderChunk(code) {
    const starts = [];
    const visit = node => {
      if (node?.type === "ImportExpression") starts.push(node.start);
      if (node && typeof node === "object") for (const inner of Object.values(node)) visit(inner);
    };
    visit(this.parse(code));
    return starts.toSorted((a, b) => b - a).reduce((text, at) => `${text.slice(0, at)}__${text.slice(at)}`, code);
  },
};

/**
 * The first statement of a program, before its imports, in syntax of every Node since 6. An old Node thus prints one sentence, instead of
 * an error about syntax or a missing function.
 */
function checkNode(name, major, minor) {
  const [haveMajor, haveMinor] = process.versions.node.split(".").map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  const way =
    process.platform === "linux"
      ? `put \`npx --yes --package=node-linux-${process.arch}@${major} --\` before the command, or install`
      : "install";
  process.stderr.write(
    `${name} needs Node ${major}.${minor} or newer and this is Node ${process.versions.node}: ${way} one from https://nodejs.org/en/download\n`,
  );
  process.exit(1);
}
const [MAJOR, MINOR] = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines.node.match(/\d+/g);

const COMMANDS = { serve: "cli/serve.js", tritonserver: "cli/tritonserver/command.js", program: "cli/program.js" };

for (const folder of [out, bin]) rmSync(folder, { recursive: true, force: true });
const output = [
  ...(await write("cjs", COMMANDS, [ownImport])),
  ...(await write("cjs", { "javascript-worker": "runtime/server/backends/javascript/worker.js" })),
  ...(await write("esm", {
    "evaluation-worker": "compiler/3-graph/evaluation-worker.js",
    dsl: "compiler/dsl/index.js",
  })),
  ...(await write(
    "cjs",
    { merlon: "cli/main.js", tritonserver: "cli/tritonserver.js" },
    [],
    bin,
    ({ name, isEntry }) => (isEntry ? `(${checkNode})(${JSON.stringify(name)}, ${MAJOR}, ${MINOR});` : ""),
  )),
];
const bytes = output.reduce((sum, chunk) => sum + (chunk.code?.length ?? 0), 0);
process.stdout.write(
  `${output.length} files, ${(bytes / 1024).toFixed(0)} KiB in ${relative(root, out)} and ${relative(root, bin)}\n`,
);

/** Entries that share their modules: one copy of each. */
async function write(format, input, plugins = [], folder = out, banner = undefined) {
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(input).map(([name, file]) => [name, join(dist, file)])),
    platform: "node",
    external: (id, importer) =>
      !isTensor(id, importer) && !/^(\.|\/|#|protobufjs|@protobufjs|zod|yaml|commander)/.test(id),
    plugins: [ownUrls(folder), ownTensor, ...plugins],
    logLevel: "silent",
  });
  const { output } = await bundle.write({
    dir: folder,
    format,
    banner,
    // A start reads them all.
    comments: { legal: true, annotation: false, jsdoc: false },
    entryFileNames: format === "cjs" ? "[name].cjs" : "[name].js",
    chunkFileNames: format === "cjs" ? "[name]-[hash].cjs" : "[name]-[hash].js",
  });
  await bundle.close();
  return output;
}

// dist/ → dist/bundle/: the modules of the commands in a few files, so that a start reads these instead of some three hundred. It also has `merlon`
// as a program sees it. The commands and the compiler take them when they are there and not older than dist/. Packages with native code, and those
// that only a few models need, stay outside. The programs that cli/code-cache.ts runs are CommonJS: `vm.Script` takes V8's cached data.
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { rolldown } from "rolldown";
import { DIST, INLINED, isTensor, ownTensor, ownUrls, packagesIn, ROOT, replaceFiles } from "./bundling.mjs";

const out = join(DIST, "bundle");
/** The programs as they are installed: CommonJS too, since Node's loader of modules takes a tenth of a server's start. */
const bin = join(DIST, "bin");

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
const [MAJOR, MINOR] = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).engines.node.match(/\d+/g);

const COMMANDS = {
  serve: "cli/serve.js",
  tritonserver: "cli/tritonserver/command.js",
  program: "cli/program.js",
  "server-worker": "runtime/server/workers/worker.js",
};

const bundled = [
  ...(await generate("cjs", COMMANDS, [ownImport])),
  ...(await generate("cjs", { "javascript-worker": "runtime/server/backends/javascript/worker.js" })),
  ...(await generate("esm", {
    "evaluation-worker": "compiler/3-graph/evaluation-worker.js",
    dsl: "compiler/dsl/index.js",
  })),
];
const programs = await generate(
  "cjs",
  { merlon: "cli/main.js", tritonserver: "cli/tritonserver.js" },
  [],
  bin,
  ({ name, isEntry }) => (isEntry ? `(${checkNode})(${JSON.stringify(name)}, ${MAJOR}, ${MINOR});` : ""),
);
const output = [...bundled, ...programs];
// Input of scripts/notice.mjs, which writes NOTICE.
const inlined = packagesIn(output).map(folder => relative(ROOT, folder));
replaceFiles(out, [...bundled, { fileName: "packages.json", code: `${JSON.stringify(inlined, null, 2)}\n` }]);
replaceFiles(bin, programs);
const bytes = output.reduce((sum, chunk) => sum + (chunk.code?.length ?? 0), 0);
process.stdout.write(
  `${output.length} files, ${(bytes / 1024).toFixed(0)} KiB in ${relative(ROOT, out)} and ${relative(ROOT, bin)}\n`,
);

/** Entries that share their modules: one copy of each. */
async function generate(format, input, plugins = [], folder = out, banner = undefined) {
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(input).map(([name, file]) => [name, join(DIST, file)])),
    platform: "node",
    external: (id, importer) => !isTensor(id, importer) && !INLINED.test(id),
    plugins: [ownUrls(folder), ownTensor, ...plugins],
    logLevel: "silent",
  });
  const { output } = await bundle.generate({
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

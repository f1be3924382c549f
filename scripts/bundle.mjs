// dist/ → dist/bundle/: the server's modules in a few files, so that a start reads these instead of some three hundred, and `merlon` as a program
// sees it. `merlon serve`, `tritonserver` and the compiler take them when they are there and not older than dist/. Packages with native code, and what only a few models need, stay outside.
import { rmSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const out = join(dist, "bundle");

/** A module finds its workers and data files beside itself, and so it must in the bundle: its own URL, seen from there. */
const ownUrls = {
  name: "own-urls",
  transform(code, id) {
    if (!id.startsWith(dist) || !code.includes("import.meta.url")) return null;
    const own = relative(out, id).split(sep).join("/");
    return code.replaceAll("import.meta.url", `new URL(${JSON.stringify(own)}, import.meta.url).href`);
  },
};

rmSync(out, { recursive: true, force: true });
const output = [
  ...(await write({ serve: "cli/serve.js", tritonserver: "cli/tritonserver/command.js" })),
  ...(await write({ "evaluation-worker": "compiler/3-graph/evaluation-worker.js", dsl: "compiler/dsl/index.js" })),
];
const bytes = output.reduce((sum, chunk) => sum + (chunk.code?.length ?? 0), 0);
process.stdout.write(`${output.length} files, ${(bytes / 1024).toFixed(0)} KiB in ${relative(root, out)}\n`);

/** Entries that share their modules: one copy of each. */
async function write(input) {
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(input).map(([name, file]) => [name, join(dist, file)])),
    platform: "node",
    external: id => !/^(\.|\/|#|protobufjs|@protobufjs|prom-client|tdigest|bintrees|zod|yaml|commander)/.test(id),
    plugins: [ownUrls],
    logLevel: "silent",
  });
  const { output } = await bundle.write({
    dir: out,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
  });
  await bundle.close();
  return output;
}

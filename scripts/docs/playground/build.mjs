// dist/ and tests/samples → the playground: the compiler for a browser, as a folder of files that any web server serves.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { folders, samples } from "./projects.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const HERE = fileURLToPath(new URL(".", import.meta.url));
const DIST = join(ROOT, "dist") + sep;
/** The folder that the compiler is installed in. */
const INSTALLED = "/merlon";

/** Modules of Node → what stands in for them; the rest is `nothing`. */
const STANDINS = new Set(["better-sqlite3", "buffer", "crypto", "fs", "module", "process", "stream", "url", "zlib"]);
const NOTHING = new Set([
  ...["assert", "async_hooks", "child_process", "constants", "http", "https", "inspector", "net", "os", "perf_hooks"],
  ...["source-map-support", "tls", "tty", "util", "v8", "vm", "worker_threads"],
]);
const own = name => join(HERE, "node", `${name}.mjs`);

/** @param packages folder with the playground's packages in `node_modules` */
function nodeModules(packages) {
  const require = createRequire(join(packages, "package.json"));
  const inPackages = name => require.resolve(name);
  return {
    name: "node-modules",
    resolveId(id, importer = "") {
      const name = id.replace(/^node:/, "");
      const isOurs = importer.startsWith(HERE);
      if (name === "path" || name === "path/posix") return inPackages("path-browserify");
      if (name === "fs/promises") return own("fs-promises");
      if (name === "buffer" && (isOurs || importer.startsWith(packages))) return inPackages("buffer/");
      if (name === "events") return inPackages("events/");
      if (STANDINS.has(name)) return own(name);
      if (NOTHING.has(name) || id.startsWith("node:")) return own("nothing");
      return isOurs && !/^[./]/.test(id) ? this.resolve(id, join(packages, "package.json"), { skipSelf: true }) : null;
    },
  };
}

/** A module's own URL is that of the file it would be installed as. */
const ownUrls = {
  name: "own-urls",
  transform(code, id) {
    if (!id.startsWith(DIST) || !code.includes("import.meta.url")) return null;
    return code.replaceAll("import.meta.url", JSON.stringify(`file://${INSTALLED}/${relative(ROOT, id)}`));
  },
};
/** Declarations of browsers are 2.8 MB of text, and programs are checked without them. */
const withoutDom = {
  name: "without-dom",
  transform: (code, id) =>
    /ts-morph-common\.js$/.test(id)
      ? code.replaceAll(/(fileName: "lib\.(?:dom|webworker)[^"]*",\s*text: )"(?:[^"\\]|\\.)*"/g, '$1""')
      : null,
};
const browserEvaluation = {
  name: "browser-evaluation",
  load: id =>
    id === join(DIST, "compiler/3-graph/evaluate.js")
      ? `export * from ${JSON.stringify(join(HERE, "evaluate.mjs"))};`
      : null,
};

async function bundle(entries, packages, out, keepNames = true) {
  const made = await rolldown({
    input: entries,
    platform: "browser",
    // package.json says that no module of the project has effects; these have.
    treeshake: { moduleSideEffects: id => !id.startsWith(DIST) },
    plugins: [nodeModules(packages), ownUrls, withoutDom, browserEvaluation],
    transform: {
      define: {
        __filename: JSON.stringify(`${INSTALLED}/node_modules/typescript/lib/typescript.js`),
        __dirname: JSON.stringify(`${INSTALLED}/node_modules/typescript/lib`),
      },
      inject: { process: [own("process"), "process"], Buffer: [own("buffer"), "Buffer"] },
    },
    resolve: { mainFields: ["browser", "module", "main"] },
    onLog(_level, log) {
      if (log.code === "UNRESOLVED_IMPORT") throw new Error(log.message);
    },
  });
  await made.write({ dir: out, format: "esm", minify: true, keepNames, chunkFileNames: "[name].js" });
}

/** Declarations that programs are checked against, and the scripts of the explained graph, by the paths they are installed at. */
async function installedFiles() {
  const { ts } = await import("ts-morph");
  const entry = join(DIST, "compiler/dsl/index.d.ts");
  const options = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    noLib: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const read = new Set();
  const { readFile } = host;
  host.readFile = path => {
    const text = readFile(path);
    if (text !== undefined && path.startsWith(ROOT)) read.add(path);
    return text;
  };
  ts.createProgram([entry], options, host);
  const page = join(DIST, "compiler/explain/page");
  const files = [
    ...read,
    ...readdirSync(page)
      .filter(name => name.endsWith(".js"))
      .map(name => join(page, name)),
  ];
  return Object.fromEntries(
    files
      .sort()
      .map(path => [
        `${INSTALLED}/${relative(ROOT, path)}`,
        readFileSync(path, "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, ""),
      ]),
  );
}

/**
 * @param out folder to write
 * @param packages folder with the playground's packages in `node_modules`
 */
export async function buildPlayground(out, packages) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  // Nothing reads the names of the compiler's functions, and keeping them takes a quarter of its bytes and a call for each closure.
  await bundle({ compiler: join(HERE, "compiler.mjs") }, packages, out, false);
  await bundle({ program: join(HERE, "program.mjs"), dsl: join(DIST, "compiler/dsl/index.js") }, packages, out);
  const parts = { "compiler-start": "compiler-start.mjs", page: "page.mjs", "page-parts": "compiler-client.mjs" };
  const pages = Object.entries(parts).map(([name, file]) => [name, join(HERE, file)]);
  await bundle(Object.fromEntries(pages), packages, out);
  writeFileSync(join(out, "files.json"), JSON.stringify(await installedFiles()));
  writeFileSync(join(out, "examples.json"), JSON.stringify(samples()));
  for (const [name, files] of Object.entries(await folders()))
    writeFileSync(join(out, `files-${name}.json`), JSON.stringify(files));
  const require = createRequire(join(packages, "package.json"));
  copyFileSync(require.resolve("sql.js/dist/sql-wasm-browser.wasm"), join(out, "sql-wasm.wasm"));
  for (const name of ["index.html", "page.css"]) copyFileSync(join(HERE, name), join(out, name));
}

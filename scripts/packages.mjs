// `npm run packages`: dist/ → dist/packages/{client,testing}: `@merlon/client` and `@merlon/testing`, made of the same sources as `merlon/client` and
// `merlon/testing`. They are for projects that call or test a server and don't make one. Each has its modules in a few files, and the declarations
// that these need. It also has the packages that its declarations name or that are too large to copy.
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import ts from "typescript";
import { DIST, INLINED, isTensor, manifestOf, ownTensor, packagesIn, ROOT } from "./bundling.mjs";
import { noticeText } from "./notice.mjs";

const own = manifestOf(ROOT);
const TARGETS = join(DIST, "packages");

/** Modules that are started as threads and processes, by the paths at which others look for them. */
const THREADS = [
  "runtime/server/backends/javascript/complete-worker",
  "runtime/server/backends/javascript/worker",
  "runtime/server/backends/onnx-child",
  "runtime/server/backends/onnx-thread",
  "runtime/server/models/hash-thread",
  "runtime/stores/feast/snapshot-thread",
  "runtime/stores/vectors/probe-child",
  "runtime/stores/vectors/worker",
];

const PACKAGES = {
  client: {
    description:
      "A typed client of any server that speaks the KServe v2 protocol: Triton, Merlon, MLServer, OpenVINO, KServe.",
    keywords: ["triton", "kserve", "inference", "grpc", "client"],
    page: "docs/reference/client.md",
    exports: { ".": "runtime/client/index", "./browser": "runtime/client/browser" },
    browser: { ".": "runtime/client/browser" },
    threads: [],
    dependencies: [],
    peers: [],
    files: [],
  },
  testing: {
    description:
      "A Triton for tests, in process: models as functions, mocks, faults and recordings behind Triton's own protocols.",
    keywords: ["triton", "kserve", "inference", "mock", "testing"],
    page: "docs/guides/testing.md",
    exports: {
      ".": "runtime/testing/index",
      "./vitest": "runtime/testing/vitest",
      "./vitest/setup": "runtime/testing/vitest-setup",
      "./testcontainers": "runtime/testing/container",
    },
    threads: THREADS,
    dependencies: ["apache-arrow", "zod"],
    peers: [
      "@aws-sdk/client-s3",
      "@duckdb/node-api",
      "@duckdb/node-bindings",
      "@platformatic/kafka",
      "@zilliz/milvus2-sdk-node",
      "better-sqlite3",
      "faiss-node",
      "ioredis",
      "onnxruntime-node",
      "pg",
      "testcontainers",
      "vitest",
    ],
    // Headers for the binding of FAISS, which add-native.mjs installs with it.
    builds: ["node-addon-api", "node-api-headers"],
    files: [
      ...["add-native", "native-allocator", "native-faiss"].map(name => `scripts/${name}.mjs`),
      "runtime/server/memory/native",
      "runtime/stores/vectors/native",
    ],
  },
};

/** A module's own URL is where it was in dist/, seen from the chunk it is in. A message with a command to type names this package. */
const ownPlaces = name => ({
  name: "own-places",
  transform(code, id) {
    if (!id.startsWith(DIST)) return null;
    return code
      .replaceAll("import.meta.url", `__ownUrl(${JSON.stringify(relative(DIST, id))})`)
      .replaceAll("node_modules/merlon/scripts", `node_modules/${name}/scripts`)
      .replaceAll("merlon/vitest/setup serves", "@merlon/testing/vitest/setup serves");
  },
  renderChunk: (code, chunk) =>
    code.replace(/__ownUrl\("([^"]+)"\)/g, (_, path) => {
      const from = relative(dirname(chunk.fileName), path);
      return `new URL(${JSON.stringify(from)}, import.meta.url).href`;
    }),
});

/** @returns the packages that were copied in, and those that are imported */
async function writeModules(folder, name, { exports, threads, dependencies, peers }) {
  const entries = [...Object.values(exports), ...threads];
  const left = new Set([...dependencies, ...peers]);
  const isLeft = id => left.has(id) || [...left].some(one => id.startsWith(`${one}/`));
  const bundle = await rolldown({
    input: Object.fromEntries(entries.map(entry => [entry, join(DIST, `${entry}.js`)])),
    platform: "node",
    external: (id, importer) => !isTensor(id, importer) && (isLeft(id) || /^node:/.test(id) || !isCopied(id)),
    plugins: [ownTensor, ownPlaces(name)],
    logLevel: "silent",
  });
  const { output } = await bundle.write({
    dir: join(folder, "dist"),
    format: "esm",
    comments: { legal: true, annotation: false, jsdoc: false },
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
  });
  await bundle.close();
  const imported = new Set(output.flatMap(chunk => [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])]));
  return {
    copied: packagesIn(output),
    imported: [...imported].filter(id => !id.startsWith("node:") && !/\.js$/.test(id)),
  };
}

const isCopied = id => INLINED.test(id) || /^(long|re2js)(\/|$)/.test(id);

/** Copies the declarations of some modules with all that they import. @returns the packages that they name */
function writeDeclarations(folder, entries) {
  const named = new Set();
  const seen = new Set();
  const waiting = entries.map(entry => join(DIST, `${entry}.d.ts`));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const text = readFileSync(file, "utf8");
    const target = join(folder, "dist", relative(DIST, file));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n"));
    for (const { fileName: id } of ts.preProcessFile(text, true, true).importedFiles)
      if (/^[.#]/.test(id)) waiting.push(declarationOf(id, file));
      else if (!id.startsWith("node:")) named.add(id);
  }
  return [...named];
}

function declarationOf(id, from) {
  const [key, path] = Object.entries(own.imports).find(([key]) => id.startsWith(key.slice(0, -1))) ?? [];
  const file = key ? join(ROOT, path.slice(0, -1), id.slice(key.length - 1)) : join(dirname(from), id);
  return file.replace(/\.js$/, ".d.ts");
}

const packageName = id => id.split("/", id.startsWith("@") ? 2 : 1).join("/");

/** A package whose files import what it does not depend on would work here and fail elsewhere. */
function refuseUnknown(name, ids, known) {
  const unknown = [...new Set(ids.map(packageName))].filter(id => !known.includes(id));
  if (unknown.length > 0)
    throw new Error(`${name} imports ${unknown.join(", ")}: scripts/packages.mjs names none of them`);
}

const versionsOf = names =>
  Object.fromEntries(names.map(one => [one, own.dependencies[one] ?? own.peerDependencies[one]]));

function manifest(name, { description, keywords, exports, browser = {}, dependencies, peers, builds = [], files }) {
  const optional = [...peers, ...builds].sort();
  const entries = Object.entries(exports).map(([key, path]) => [
    key,
    {
      types: `./dist/${path}.d.ts`,
      ...(browser[key] && { browser: `./dist/${browser[key]}.js` }),
      default: `./dist/${path}.js`,
    },
  ]);
  const { version, license, author, homepage, repository, bugs, engines, publishConfig } = own;
  return {
    ...{ name, version, description, license, author, homepage, repository, bugs, publishConfig },
    ...{ type: "module", keywords, engines },
    exports: { ...Object.fromEntries(entries), "./package.json": "./package.json" },
    imports: Object.fromEntries(
      Object.entries(own.imports).filter(([, path]) => !/examples|tests|cli|compiler/.test(path)),
    ),
    files: ["dist", ...files, "NOTICE"],
    sideEffects: false,
    ...(dependencies.length > 0 && { dependencies: versionsOf(dependencies) }),
    ...(optional.length > 0 && {
      peerDependencies: versionsOf(optional),
      peerDependenciesMeta: Object.fromEntries(optional.map(one => [one, { optional: true }])),
    }),
  };
}

/** The places of the modules of `merlon` are in these packages. */
const SPECIFIERS = {
  "merlon/client": "@merlon/client",
  "merlon/client/browser": "@merlon/client/browser",
  "merlon/testing": "@merlon/testing",
  "merlon/vitest": "@merlon/testing/vitest",
  "merlon/vitest/setup": "@merlon/testing/vitest/setup",
  "merlon/testcontainers": "@merlon/testing/testcontainers",
};

/** A page of docs/ as the package's README: it imports the package, and its links lead into the repository. */
export function npmReadme(page) {
  const base = new URL(`${own.homepage.replace(/#.*$/, "")}/blob/HEAD/`);
  const text = readFileSync(join(ROOT, page), "utf8").replace(/(["`])(merlon\/[a-z/]+)(?=\1)/g, (whole, quote, id) =>
    Object.hasOwn(SPECIFIERS, id) ? quote + SPECIFIERS[id] : whole,
  );
  return text.replace(
    /(\]\()(?!https?:|#)([^)\s]+)(?=\))/g,
    (_, open, to) => `${open}${new URL(to, new URL(page, base))}`,
  );
}

/** @param {"client" | "testing"} short @returns {Promise<string>} the folder of the package */
export async function writePackage(short) {
  const name = `@merlon/${short}`;
  const rules = PACKAGES[short];
  const folder = join(TARGETS, short);
  rmSync(folder, { recursive: true, force: true });
  const { copied, imported } = await writeModules(folder, name, rules);
  const declared = writeDeclarations(folder, Object.values(rules.exports));
  refuseUnknown(`${name}'s code`, imported, [...rules.dependencies, ...rules.peers]);
  // A declaration that names an optional package would be an error in a project without it, so only those of the module for it may.
  refuseUnknown(`${name}'s declarations`, declared, [...rules.dependencies, "vitest", "testcontainers"]);
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest(name, rules), null, 2)}\n`);
  writeFileSync(join(folder, "NOTICE"), noticeText(copied, "The files of dist"));
  writeFileSync(join(folder, "README.md"), npmReadme(rules.page));
  copyFileSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  for (const file of rules.files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file), { recursive: true });
  }
  return folder;
}

export const PACKAGE_NAMES = Object.keys(PACKAGES);

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const short of PACKAGE_NAMES) process.stdout.write(`${relative(ROOT, await writePackage(short))}\n`);

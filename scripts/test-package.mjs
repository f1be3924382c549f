// `npm run test:package` (minutes) packs `merlon`, `@merlon/client` and `@merlon/testing`, and installs each into empty folders. It does so with
// npm's defaults, without scripts, without the network, and as the Dockerfile does. It prints their sizes, and uses them as a new user
// would: it runs the commands, and a server that answers a request and ends. It also runs a program with a test server, and commands whose optional
// packages are missing.
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { PACKAGE_NAMES } from "./packages.mjs";
import { ROOT, run, step, TSC } from "./setup.mjs";

const folder = mkdtempSync(join(tmpdir(), "merlon-package-"));
const prefix = join(folder, "prefix");
const expect = (what, found, wanted) => {
  if (!wanted.test(String(found))) throw new Error(`${what}: expected ${wanted}, got ${found}`);
};

/** `npx` in the folder of the installed package, which must not fetch anything. */
function npx(...words) {
  const { status, stdout, stderr } = spawnSync("npx", ["--no-install", ...words], { cwd: prefix, encoding: "utf8" });
  return `${status} ${stdout}${stderr}`;
}

function serveEcho() {
  const models = join(folder, "models");
  mkdirSync(join(models, "echo", "1"), { recursive: true });
  writeFileSync(
    join(models, "echo", "config.pbtxt"),
    'backend: "identity"\ninput { name: "INPUT0" data_type: TYPE_INT32 dims: 2 }\noutput { name: "OUTPUT0" data_type: TYPE_INT32 dims: 2 }\n',
  );
  const inputs = [{ name: "INPUT0", shape: [2], datatype: "INT32", data: [7, 8] }];
  return serveOnce([join(prefix, "bin", "tritonserver")], models, "echo", inputs, /"data":\[7,8\]/);
}

/** Serves a repository, sends one request, and ends the server. @param program with the words before its flags */
async function serveOnce([program, ...words], models, model, inputs, wanted) {
  const flags = ["http", "grpc", "metrics"].flatMap(name => [`--${name}-port=0`, `--${name}-address=127.0.0.1`]);
  const server = spawn(program, [...words, `--model-repository=${models}`, ...flags], { cwd: folder });
  let log = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", chunk => (log += chunk));
  const ended = new Promise(done => server.on("exit", done));
  for (let i = 0; i < 600 && !log.includes("Started Metrics Service"); i++)
    await new Promise(done => setTimeout(done, 50));
  try {
    const base = `http://127.0.0.1:${/Started HTTPService at [\d.]+:(\d+)/.exec(log)?.[1]}`;
    expect("health", (await fetch(`${base}/v2/health/ready`)).status, /^200$/);
    const body = JSON.stringify({ inputs });
    const answer = await fetch(`${base}/v2/models/${model}/infer`, { method: "POST", body });
    expect("answer", await answer.text(), wanted);
  } catch (error) {
    throw new Error(`${error.message}\n${log}`);
  } finally {
    server.kill("SIGTERM");
    expect(`exit code of a server with the log\n${log}`, await ended, /^0$/);
  }
}

/** Compilers by their usual names; as root, apt-get would install one. */
const COMPILES = /^(?:apt-get|(?:.+-)?(?:cc|c\+\+|gcc|g\+\+|clang|clang\+\+|c99)(?:-[\d.]+)?)$/;

/** @returns an environment with links to all programs of PATH but compilers */
function withoutCompiler() {
  const bin = join(folder, "bin-without-compiler");
  mkdirSync(bin);
  for (const from of process.env.PATH.split(delimiter).filter(existsSync))
    for (const name of readdirSync(from))
      if (!COMPILES.test(name) && !lstatSync(join(bin, name), { throwIfNoEntry: false }))
        symlinkSync(join(from, name), join(bin, name));
  return { ...process.env, PATH: bin };
}

const NEAR = `import { ensemble, queryFaiss, source } from "merlon";
const request = source({ query: "float32[32]" });
export default ensemble("near", request["query"] >> queryFaiss("items.faiss", { topk: 3 }));
`;
const FAISS_LINE =
  "faiss-node can not be compiled: g++, libfaiss-dev, libopenblas-dev missing. As root, run `apt-get install -y g++ libfaiss-dev libopenblas-dev`, then try again.";

/** FAISS on a machine without a compiler: by the prebuilt binary if that can be had, else the one sentence with the line to type. */
async function addFaissWithoutCompiler(tarball) {
  const env = withoutCompiler();
  const project = install("no-compiler", [tarball]);
  const script = join("node_modules", "merlon", "scripts", "add-native.mjs");
  // Some indexes are searched exactly, by ONNX Runtime.
  const words = [script, "onnxruntime-node", "faiss-node"];
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: project, env, encoding: "utf8" });
  if (status !== 0) {
    const lines = stderr.trim().split("\n");
    expect(
      "add-native.mjs faiss-node",
      lines.filter(line => !/^npm /.test(line)).join("\n") === FAISS_LINE || stderr,
      /^true$/,
    );
    return "no prebuilt binary: one sentence with the line to type";
  }
  writeFileSync(join(project, "near.ensemble.ts"), NEAR);
  copyFileSync(join(ROOT, "examples", "shop", "index", "items.faiss"), join(project, "items.faiss"));
  const merlon = [process.execPath, join(project, "node_modules", ".bin", "merlon")];
  run(merlon[0], [merlon[1], "build", "near.ensemble.ts", "--out", "models"], { cwd: project, env });
  const inputs = [{ name: "query", shape: [1, 32], datatype: "FP32", data: Array(32).fill(0.1) }];
  await serveOnce(
    [...merlon, "serve", "--workers=1"],
    join(project, "models"),
    "near",
    inputs,
    /"outputs":\[.*"shape":\[1,3\]/,
  );
  return "served a FAISS index";
}

/** The release of testcontainers whose types `merlon/testcontainers` is checked with. It is not in package.json: three of its 173 packages have install scripts. */
const TESTCONTAINERS = "testcontainers@12.2.0";

/** The real package has the interface that `MerlonContainer` calls. */
function checkTestcontainers(tarball) {
  const project = install("testcontainers", [tarball, TESTCONTAINERS], ["--ignore-scripts"]);
  const text = `import * as testcontainers from "testcontainers";
import { MerlonContainer } from "merlon/testcontainers";
export const container = new MerlonContainer("merlon", async () => testcontainers);
// @ts-expect-error a library without strategies of waiting
new MerlonContainer("merlon", async () => ({ ...testcontainers, Wait: {} }));
`;
  writeFileSync(join(project, "main.ts"), text);
  for (const tsc of COMPILERS)
    run(process.execPath, [
      ...[tsc, "--ignoreConfig", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--types", "node"],
      ...["--lib", "es2023,esnext.disposable,dom", "--module", "nodenext", join(project, "main.ts")],
      ...["--typeRoots", join(project, "node_modules", "@types")],
    ]);
}

const ENSEMBLE = `import { clip, ensemble, lambdaOp, rename, source } from "merlon";
const events = source({ price: "float32" });
const numbers = events["price"] >> clip({ min: 0 }) >> rename({ postfix: "_clipped" });
const error = events >> lambdaOp(price => price + 1, { name: "more" });
export default ensemble("one", numbers + error);
`;
const WORKFLOW = `import { clip, source, workflow } from "merlon";
const events = source({ user_id: "int64", price: "float32" });
export default workflow("one", events["price"] >> clip({ min: 0 }));
`;

const COMPILERS = [TSC, join(ROOT, "node_modules", "typescript", "bin", "tsc")];
const RESOLUTIONS = [
  ["node16", "node16"],
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
];

/** Checks the packages as a TypeScript project sees them, declarations included, under each way of resolving modules and both TypeScripts. */
function checkTypes(project, client, testing) {
  writeFileSync(
    join(project, "main.ts"),
    `import { connect } from "${client}";
import { createTestServer } from "${testing}";
type Models = { readonly m: { readonly inputs: { readonly x: { readonly datatype: "INT64"; readonly shape: readonly [-1] } }; readonly outputs: { readonly y: { readonly datatype: "FP32"; readonly shape: readonly [-1] } } } };
const client = await connect<Models>("grpc://localhost:8001");
export const y: Float32Array = (await client.infer("m", { x: [7n] })).y.data;
// @ts-expect-error there is no such input
await client.infer("m", { z: [7n] });
export { createTestServer };
`,
  );
  const types = join(ROOT, "node_modules", "@types");
  for (const tsc of COMPILERS)
    for (const [module, resolution] of RESOLUTIONS)
      run(process.execPath, [
        ...[tsc, "--ignoreConfig", "--noEmit", "--strict", "--target", "es2022"],
        ...["--lib", "es2023,esnext.disposable,dom", "--module", module, "--moduleResolution", resolution],
        ...["--types", "node", "--typeRoots", types, join(project, "main.ts")],
      ]);
}

/** An empty project with some packages. @param words of `npm install`, beside the packages */
function install(name, packages, words = []) {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  run("npm", ["install", "--no-audit", "--no-fund", ...words, ...packages], { cwd: project });
  return project;
}

/** Bytes on the disk, as `du` counts. */
const sizeOf = path =>
  readdirSync(path, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).blocks * 512,
    0,
  );
const megabytes = bytes => (bytes / 1e6).toFixed(1);

/** Prints what an install weighs, the largest packages first, and ends if that is more than it may. */
function weigh(title, project, { megabytes: most, packages: many }) {
  const modules = join(project, "node_modules");
  const { packages } = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8"));
  const names = Object.keys(packages).filter(path => !packages[path].optional || !packages[path].inBundle);
  const sizes = names.map(path => [path.replace("node_modules/", ""), sizeOf(join(project, path))]);
  const total = sizeOf(modules);
  const largest = sizes
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 6)
    .map(([name, size]) => `${name} ${megabytes(size)}`);
  process.stdout.write(`  ${title}: ${megabytes(total)} MB, ${names.length} packages (${largest.join(", ")})\n`);
  if (total > most * 1e6 || names.length > many) throw new Error(`${title}: more than ${most} MB or ${many} packages`);
  const scripts = names.filter(path => packages[path].hasInstallScript);
  expect(`${title}: packages with install scripts`, scripts.join() || "none", /^none$/);
}

/** Commands that need an optional package, in an install without any: one sentence that names it, with the line to type. */
function checkMissing(project) {
  const write = (name, text) => {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), text);
  };
  write("one.csv", "user_id,price\n1,2.5\n");
  write("one.workflow.ts", WORKFLOW);
  const data = "--data one.csv --memory-limit 1GB";
  const duckdb = [
    `fit one.workflow.ts ${data} --out etl`,
    `transform etl ${data} --out out.parquet`,
    `predict one.onnx ${data} --out out.parquet`,
    "stats one.csv",
    `index build ${data} --id user_id --embedding price --out out.faiss`,
    `bloom build ${data} --user user_id --item price --out out.parquet`,
    `embedding build ${data} --id user_id --embedding price --out table`,
    "feast materialize .",
  ];
  const commands = Object.fromEntries(duckdb.map(words => [words, "@duckdb/node-api"]));
  for (const [words, name] of Object.entries(commands)) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(project, "node_modules", "merlon", "dist", "bin", "merlon.cjs"), ...words.split(" ")],
      { cwd: project, encoding: "utf8" },
    );
    const wanted = `merlon: the package ${name} is not installed; \`node node_modules/merlon/scripts/add-native.mjs ${name}\` adds it\n`;
    if (status !== 1 || stdout !== "" || stderr !== wanted)
      throw new Error(`merlon ${words}: expected exit 1 and\n${wanted}got exit ${status} and\n${stdout}${stderr}`);
  }
}

/** A program that starts a server and calls it. */
function runTestServer(project, client, testing) {
  writeFileSync(
    join(project, "served.mjs"),
    `import { connect } from "${client}";
import { createTestServer, defineModel } from "${testing}";
const double = defineModel({ inputs: { x: "FP32[-1]" }, outputs: { y: "FP32[-1]" }, answer: ({ inputs }) => ({ y: inputs.x.data.map(x => 2 * x) }) });
const server = await createTestServer({ models: { double } });
for (const url of ["grpc://" + server.grpc, server.http]) {
  const client = await connect(url);
  console.log((await client.infer("double", { x: [1, 2.5] })).y.data.join());
  await client.close();
}
await server.close();
`,
  );
  expect("a test server", run(process.execPath, ["served.mjs"], { cwd: project }), /^2,5\n2,5\n$/);
}

/** Checks npm's own view of the package to publish: npm corrects nothing, and warns only that no user is logged in. */
function dryRun(path) {
  const { status, stderr } = spawnSync("npm", ["publish", "--dry-run", "--ignore-scripts"], {
    cwd: path,
    encoding: "utf8",
  });
  expect(`npm publish --dry-run in ${path}`, status, /^0$/);
  const warnings = stderr.split("\n").filter(line => /^npm (?:warn|error)/i.test(line));
  // The machine's own settings may be of another npm.
  const ours = warnings.filter(
    line => !/requires you to be logged in|Unknown (?:user|global|env|project|cli) config/.test(line),
  );
  expect(`warnings of npm publish --dry-run in ${path}`, ours.join("\n") || "none", /^none$/);
}

/** The published form as its linters see it. */
function lintPackage(tarball) {
  run("npx", ["--yes", "publint@0.3.25", tarball]);
  run("npx", ["--yes", "@arethetypeswrong/cli@0.18", tarball, "--profile", "esm-only"]);
}

const pack = path => {
  run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: path });
  const { name, version } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  return join(folder, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
};

try {
  let tarball;
  let small;
  await step("Packing merlon, @merlon/client and @merlon/testing", () => {
    tarball = pack(ROOT);
    run(process.execPath, [join(ROOT, "scripts", "packages.mjs")]);
    small = Object.fromEntries(PACKAGE_NAMES.map(name => [name, pack(join(ROOT, "dist", "packages", name))]));
  });
  await step("npm publish --dry-run", () => {
    for (const path of [ROOT, ...PACKAGE_NAMES.map(name => join(ROOT, "dist", "packages", name))]) dryRun(path);
  });
  await step("publint, attw", () => {
    for (const one of [tarball, ...Object.values(small)]) lintPackage(one);
  });
  await step("Installing merlon with npm's defaults: no install script, and no optional package", () => {
    const plain = install("plain", [tarball]);
    weigh("merlon", plain, { megabytes: 80, packages: 50 });
    // The commands answer without the packages that are optional.
    expect("--help", run(process.execPath, [join(plain, "node_modules", ".bin", "merlon"), "--help"]), /Usage: merlon/);
    checkMissing(plain);
    checkTypes(plain, "merlon/client", "merlon/testing");
    runTestServer(plain, "merlon/client", "merlon/testing");
    writeFileSync(join(plain, "one.ensemble.ts"), ENSEMBLE);
    run(
      process.execPath,
      [join(plain, "node_modules", ".bin", "merlon"), "build", "one.ensemble.ts", "--out", "models"],
      { cwd: plain },
    );
  });
  await step("Building for Triton without ONNX Runtime, which would compare graphs and kernels", () => {
    const plain = join(folder, "plain");
    const words = ["build", "one.ensemble.ts", "--target", "triton", "--out", "triton"];
    const { status, stderr } = spawnSync(process.execPath, [join(plain, "node_modules", ".bin", "merlon"), ...words], {
      cwd: plain,
      encoding: "utf8",
    });
    expect(
      "merlon build --target triton",
      `${status} ${stderr}`,
      /^0 note: Not compared with the kernels: the package onnxruntime-node is not installed; `node \S+add-native\.mjs onnxruntime-node` adds it/,
    );
  });
  await step("Installing merlon with --ignore-scripts, without the network", () => {
    const offline = install("offline", [tarball], ["--ignore-scripts", "--offline"]);
    expect(
      "--help",
      run(process.execPath, [join(offline, "node_modules", ".bin", "merlon"), "--help"]),
      /Usage: merlon/,
    );
    runTestServer(offline, "merlon/client", "merlon/testing");
  });
  await step("Adding FAISS without a compiler", () => addFaissWithoutCompiler(tarball));
  await step(`Type-checking merlon/testcontainers with ${TESTCONTAINERS}`, () => checkTestcontainers(tarball));
  await step("Installing @merlon/client", () => {
    const project = install("client", [small.client], ["--ignore-scripts"]);
    weigh("@merlon/client", project, { megabytes: 1, packages: 1 });
  });
  await step("Installing @merlon/testing, then without scripts and network", () => {
    const project = install("testing", [small.testing, small.client]);
    weigh("@merlon/testing", project, { megabytes: 30, packages: 25 });
    checkTypes(project, "@merlon/client", "@merlon/testing");
    runTestServer(project, "@merlon/client", "@merlon/testing");
    const offline = install("testing-offline", [small.testing, small.client], ["--ignore-scripts", "--offline"]);
    runTestServer(offline, "@merlon/client", "@merlon/testing");
  });
  await step("Installing the package into an empty folder (deploy/install.sh)", () => {
    run("sh", [join(ROOT, "deploy", "install.sh"), ROOT, prefix], {
      env: { ...process.env, MERLON_TARBALL: tarball, MERLON_FAISS: process.env.MERLON_FAISS ?? "none" },
    });
  });
  const bundle = readdirSync(join(prefix, "node_modules", "merlon", "dist", "bundle"));
  expect("V8's code cache", bundle.filter(name => name.endsWith(".cache")).length, /^[1-9]/);
  await step("npx merlon --help, npx tritonserver --help", () => {
    expect("npx merlon --help", npx("merlon", "--help"), /^0 [\s\S]*Usage: merlon/);
    expect("npx merlon serve --help", npx("merlon", "serve", "--help"), /^0 [\s\S]*--model-repository/);
    // Triton's help ends with 1 too.
    expect("npx tritonserver --help", npx("tritonserver", "--help"), /^1 [\s\S]*Usage: tritonserver/);
  });
  await step("A server from the installed package", serveEcho);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

// `npm run test:package` (minutes): packs the project and installs the package into an empty folder as the Dockerfile does. Then it runs a
// user's first commands: `npx merlon --help`, `npx tritonserver --help`, and a server that reports its health, answers a request and ends.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

async function serveOnce() {
  const models = join(folder, "models");
  mkdirSync(join(models, "echo", "1"), { recursive: true });
  writeFileSync(
    join(models, "echo", "config.pbtxt"),
    'backend: "identity"\ninput { name: "INPUT0" data_type: TYPE_INT32 dims: 2 }\noutput { name: "OUTPUT0" data_type: TYPE_INT32 dims: 2 }\n',
  );
  const flags = ["http", "grpc", "metrics"].flatMap(name => [`--${name}-port=0`, `--${name}-address=127.0.0.1`]);
  const server = spawn(join(prefix, "bin", "tritonserver"), [`--model-repository=${models}`, ...flags], {
    cwd: folder,
  });
  let log = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", chunk => (log += chunk));
  const ended = new Promise(done => server.on("exit", done));
  for (let i = 0; i < 600 && !log.includes("Started Metrics Service"); i++)
    await new Promise(done => setTimeout(done, 50));
  try {
    const base = `http://127.0.0.1:${/Started HTTPService at [\d.]+:(\d+)/.exec(log)?.[1]}`;
    expect("health", (await fetch(`${base}/v2/health/ready`)).status, /^200$/);
    const body = JSON.stringify({ inputs: [{ name: "INPUT0", shape: [2], datatype: "INT32", data: [7, 8] }] });
    const answer = await fetch(`${base}/v2/models/echo/infer`, { method: "POST", body });
    expect("answer", await answer.text(), /"data":\[7,8\]/);
  } catch (error) {
    throw new Error(`${error.message}\n${log}`);
  } finally {
    server.kill("SIGTERM");
    expect("exit code", await ended, /^0$/);
  }
}

/** The package's types in a TypeScript project, under each way of resolving modules, and the content of a browser's bundle. */
function checkTypes() {
  const project = join(prefix, "project");
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, "package.json"), '{ "type": "module" }\n');
  writeFileSync(
    join(project, "main.ts"),
    `import { connect } from "merlon/client";
import { createTestServer } from "merlon/testing";
type Models = { readonly m: { readonly inputs: { readonly x: { readonly datatype: "INT64"; readonly shape: readonly [-1] } }; readonly outputs: { readonly y: { readonly datatype: "FP32"; readonly shape: readonly [-1] } } } };
const client = await connect<Models>("grpc://localhost:8001");
export const y: Float32Array = (await client.infer("m", { x: [7n] })).y.data;
// @ts-expect-error there is no such input
await client.infer("m", { z: [7n] });
export { createTestServer };
`,
  );
  const types = join(ROOT, "node_modules", "@types");
  for (const tsc of [TSC, join(ROOT, "node_modules", "typescript", "bin", "tsc")])
    for (const [module, resolution] of [
      ["node16", "node16"],
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ])
      run(process.execPath, [
        ...[tsc, "--ignoreConfig", "--noEmit", "--strict", "--target", "es2022", "--lib", "es2023,dom"],
        ...["--module", module, "--moduleResolution", resolution],
        ...["--skipLibCheck", "--types", "node", "--typeRoots", types],
        join(project, "main.ts"),
      ]);
  writeFileSync(
    join(project, "imports.mjs"),
    'import { connect } from "merlon/client";\nawait (await connect("grpc://localhost:1")).close();\n',
  );
  run(process.execPath, [join(project, "imports.mjs")]);
}

/** The published form as its linters see it. */
function lintPackage(tarball) {
  run("npx", ["--yes", "publint@0.3.25", tarball]);
  run("npx", ["--yes", "@arethetypeswrong/cli@0.18", tarball, "--profile", "esm-only"]);
}

try {
  await step("Packing", () => {
    run("npm", ["run", "build"]);
    run("npm", ["pack", "--silent", "--pack-destination", folder]);
  });
  const tarball = join(
    folder,
    readdirSync(folder).find(name => name.endsWith(".tgz")),
  );
  await step("Installing the package with npm's defaults: no install script", () => {
    const plain = join(folder, "plain");
    mkdirSync(plain);
    writeFileSync(join(plain, "package.json"), '{ "private": true }\n');
    run("npm", ["install", "--no-audit", "--no-fund", tarball], { cwd: plain });
    const { packages } = JSON.parse(readFileSync(join(plain, "node_modules", ".package-lock.json"), "utf8"));
    const scripts = Object.keys(packages).filter(path => packages[path].hasInstallScript);
    expect("packages with install scripts", scripts.join() || "none", /^none$/);
    // The command answers without the packages that are optional.
    expect("--help", run(process.execPath, [join(plain, "node_modules", ".bin", "merlon"), "--help"]), /Usage: merlon/);
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
  await step("Types under node16, nodenext and bundler resolution", checkTypes);
  await step("publint, attw", () => lintPackage(tarball));
  await step("A server from the installed package", serveOnce);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

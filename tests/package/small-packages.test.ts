/**
 * `@merlon/client` and `@merlon/testing` as `npm run packages` makes them, packed and unpacked into an empty folder with only the packages that
 * they depend on. Checked are their sizes, their types without `skipLibCheck`, and programs that use them. `npm run test:package` installs them by npm.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { TemporaryFolder } from "#contract/files/temporary-folder.js";
import { ROOT } from "../run/graph.mjs";
import "../needs/built.js";

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}
const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

const work = new TemporaryFolder("small-packages");

function run(command: string, words: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${words.join(" ")}: ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** Unpacks a package of `dist/packages` into a project of its own, with its dependencies. @returns the project, and the packages that it has */
function install(short: string): { readonly project: string; readonly packages: ReadonlySet<string> } {
  const project = join(work.path, short);
  const own = join(project, "node_modules", "@merlon", short);
  mkdirSync(own, { recursive: true });
  run("npm", ["pack", "--silent", "--pack-destination", project], join(ROOT, "dist", "packages", short));
  const [tarball] = readdirSync(project).filter(name => name.endsWith(".tgz"));
  run("tar", ["-xzf", join(project, tarball!), "-C", own, "--strip-components=1"], project);
  const packages = new Set([`@merlon/${short}`]);
  for (const waiting = [own]; waiting.length > 0; )
    for (const name of Object.keys(manifestOf(waiting.pop()!).dependencies ?? {})) {
      if (packages.has(name)) continue;
      packages.add(name);
      const from = join(ROOT, "node_modules", name);
      cpSync(from, join(project, "node_modules", name), { recursive: true });
      waiting.push(from);
    }
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  return { project, packages };
}

/** Bytes of the disk's blocks, as `du` counts. */
const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map(entry => statSync(join(entry.parentPath, entry.name)))
    .reduce((sum, file) => sum + file.blocks * 512, 0);

const compiler = (name: string): string => join(ROOT, "node_modules", name, "bin", "tsc");
/** Ways of resolving modules, each under one of the two TypeScripts: `npm run test:package` has all of both. */
const WAYS = [
  [compiler("@typescript/native"), "node16", "node16"],
  [compiler("typescript"), "esnext", "bundler"],
] as const;

/** Type-checks a program with the declarations of the package. */
function checkTypes(project: string, ways: readonly (typeof WAYS)[number][] = WAYS): void {
  for (const [tsc, module, resolution] of ways)
    run(
      process.execPath,
      [
        ...[tsc, "--ignoreConfig", "--noEmit", "--strict", "--target", "es2022"],
        ...["--lib", "es2023,esnext.disposable,dom", "--module", module, "--moduleResolution", resolution],
        ...["--types", "node", "--typeRoots", join(ROOT, "node_modules", "@types"), "main.ts"],
      ],
      project,
    );
}

const MODELS = `type Models = {
  readonly double: {
    readonly inputs: { readonly x: { readonly datatype: "FP32"; readonly shape: readonly [-1] } };
    readonly outputs: { readonly y: { readonly datatype: "FP32"; readonly shape: readonly [-1] } };
  };
};
`;

beforeAll(() => {
  run(process.execPath, ["scripts/packages.mjs"], ROOT);
  return () => work.dispose();
});

describe("@merlon/client", () => {
  let project: string;
  let packages: ReadonlySet<string>;
  beforeAll(() => {
    ({ project, packages } = install("client"));
  });

  test("is one package of less than a megabyte", () => {
    expect(packages.size).toBe(1);
    expect(sizeOf(join(project, "node_modules"))).toBeLessThan(2 ** 20);
  });

  test("types of a program, under both TypeScripts", () => {
    writeFileSync(
      join(project, "main.ts"),
      `import { type Client, connect } from "@merlon/client";
import { connect as fromBrowser } from "@merlon/client/browser";
${MODELS}const client: Client<Models> = await connect<Models>("grpc://localhost:8001");
export const y: Float32Array = (await client.infer("double", { x: [7] })).y.data;
// @ts-expect-error there is no such input
await client.infer("double", { z: [7] });
export { fromBrowser };
`,
    );
    checkTypes(project);
  });

  test("the browser's entry imports nothing of Node", () => {
    const entry = join(project, "node_modules", "@merlon", "client", "dist", "runtime", "client", "browser.js");
    const seen = new Set<string>();
    for (const waiting = [entry]; waiting.length > 0; ) {
      const file = waiting.pop()!;
      seen.add(file);
      for (const [, id] of readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?["']([^"']+)["']/g)) {
        expect(id).toMatch(/^\./);
        const next = join(file, "..", id!);
        if (!seen.has(next)) waiting.push(next);
      }
    }
    expect(seen.size).toBeGreaterThan(1);
  });
});

describe("@merlon/testing", () => {
  let project: string;
  let packages: ReadonlySet<string>;
  beforeAll(() => {
    ({ project, packages } = install("testing"));
    cpSync(join(ROOT, "dist", "packages", "client"), join(project, "node_modules", "@merlon", "client"), {
      recursive: true,
    });
  });

  test("is small, and has no native part and no install script", () => {
    expect(packages.size).toBeLessThanOrEqual(25);
    const modules = join(project, "node_modules");
    expect(sizeOf(modules)).toBeLessThan(30 * 2 ** 20);
    const files = readdirSync(modules, { recursive: true }).map(String);
    expect(files.filter(file => file.endsWith(".node"))).toEqual([]);
    for (const name of packages) {
      const { scripts = {} } = manifestOf(join(modules, name)) as { scripts?: Readonly<Record<string, string>> };
      for (const script of ["preinstall", "install", "postinstall"]) expect(scripts).not.toHaveProperty(script);
    }
  });

  test("types and a run of a program that serves a model and calls it", () => {
    const program = (types: string, models: string): string => `import { connect } from "@merlon/client";
import { createTestServer, defineModel } from "@merlon/testing";
${types}await using server = await createTestServer({
  models: {
    double: defineModel({
      inputs: { x: "FP32[-1]" },
      outputs: { y: "FP32[-1]" },
      answer: ({ inputs }) => ({ y: inputs.x.data.map(value => value * 2) }),
    }),
  },
});
for (const url of [\`grpc://\${server.grpc}\`, server.http]) {
  const client = await connect${models}(url);
  console.log((await client.infer("double", { x: [1, 2.5] })).y.data.join());
  await client.close();
}
`;
    writeFileSync(join(project, "main.ts"), program(MODELS, "<Models>"));
    checkTypes(project, [WAYS[0]]);
    // Node 22 has no `await using`.
    const text = program("", "").replace("await using server", "const server");
    writeFileSync(join(project, "main.mjs"), `${text}await server.close();\n`);
    expect(run(process.execPath, ["main.mjs"], project)).toBe("2,5\n2,5\n");
  });

  test("models that JavaScript and workers serve", () => {
    const folder = join(project, "models", "echo");
    mkdirSync(join(folder, "1"), { recursive: true });
    writeFileSync(
      join(folder, "config.pbtxt"),
      'backend: "javascript"\ninput { name: "INPUT0" data_type: TYPE_INT32 dims: 2 }\noutput { name: "OUTPUT0" data_type: TYPE_INT32 dims: 2 }\n',
    );
    writeFileSync(
      join(folder, "1", "model.mjs"),
      "export function execute(requests) { return requests.map(({ inputs: { INPUT0 } }) => ({ outputs: [{ ...INPUT0, name: 'OUTPUT0' }] })); }\n",
    );
    writeFileSync(
      join(project, "echo.mjs"),
      `import { createTestServer } from "@merlon/testing";
const server = await createTestServer("models");
const body = JSON.stringify({ inputs: [{ name: "INPUT0", shape: [2], datatype: "INT32", data: [7, 8] }] });
const answer = await fetch(\`\${server.http}/v2/models/echo/infer\`, { method: "POST", body });
console.log(JSON.stringify((await answer.json()).outputs[0].data));
await server.close();
`,
    );
    expect(run(process.execPath, ["echo.mjs"], project)).toBe("[7,8]\n");
  });

  test("a repository whose optional packages are missing names each and the line of this package that adds it", () => {
    writeFileSync(
      join(project, "missing.mjs"),
      `import { createTestServer } from "@merlon/testing";
const ended = await createTestServer(process.argv[2]).catch(error => error);
console.log(ended.message);
`,
    );
    const said = run(process.execPath, ["missing.mjs", join(ROOT, "model-repo")], project);
    const lines = new Set(said.match(/the package \S+ is not installed; `node [^`]+`/g));
    for (const name of ["onnxruntime-node", "better-sqlite3"])
      expect([...lines]).toContain(
        `the package ${name} is not installed; \`node node_modules/@merlon/testing/scripts/add-native.mjs ${name}\``,
      );
    expect(said).not.toMatch(/Cannot find|node_modules\/merlon\//);
    const script = join(project, "node_modules", "@merlon", "testing", "scripts", "add-native.mjs");
    expect(existsSync(script)).toBe(true);
    const { stderr } = spawnSync(process.execPath, [script, "typescript"], { encoding: "utf8" });
    expect(stderr).toBe(
      "`typescript` is not one of the optional packages: onnxruntime-node, better-sqlite3, faiss-node, @duckdb/node-api, ioredis, pg, @platformatic/kafka, @aws-sdk/client-s3, @zilliz/milvus2-sdk-node\n",
    );
  });
});

test("all files that the manifests name are there, with the license, the notice and a page", () => {
  for (const short of ["client", "testing"]) {
    const folder = join(ROOT, "dist", "packages", short);
    const { exports, peerDependencies = {}, peerDependenciesMeta = {} } = manifestOf(folder);
    const files = Object.values(exports).flatMap(one => (typeof one === "string" ? [one] : Object.values(one)));
    for (const file of [...files, "LICENSE", "NOTICE", "README.md"])
      expect(existsSync(join(folder, file)), file).toBe(true);
    expect(Object.keys(peerDependenciesMeta)).toEqual(Object.keys(peerDependencies));
    const page = readFileSync(join(folder, "README.md"), "utf8");
    for (const [, to] of page.matchAll(/\]\(([^)\s]+)\)/g)) expect(to).toMatch(/^(?:https:\/\/|#)/);
    for (const file of readdirSync(join(folder, "dist"), { recursive: true, encoding: "utf8" }))
      if (/\.(js|ts)$/.test(file))
        expect(readFileSync(join(folder, "dist", file), "utf8"), file).not.toMatch(/^\/\/# sourceMappingURL/m);
  }
});

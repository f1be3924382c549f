/**
 * Checks packages and libraries with native code: each is loaded and used once.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { packageFault } from "../../runtime/base/missing-package.js";
import { isBelow, PACKAGE_FLOORS } from "../../runtime/base/version-floors.js";
import { inChild, type Outcome } from "./child.js";
import type { Finding } from "./finding.js";

/** ONNX Runtime reports its use unless this is set. */
export const QUIET = { ORT_DISABLE_TELEMETRY: "1" };

interface Part {
  readonly name: string;
  readonly purpose: string;
  /** A package, or a file of this one. */
  readonly load: { readonly package: string } | { readonly file: string };
  /** Body of a function that uses the loaded module, `part`, once. @returns values to show */
  readonly use: string;
  /** The fix. */
  readonly fix?: string;
}

const SCRIPTS = "node node_modules/merlon/scripts";
const BUILT = "../../../build/Release";

const PARTS: readonly Part[] = [
  {
    name: "onnxruntime-node",
    purpose: "ONNX models",
    load: { package: "onnxruntime-node" },
    use: "return { providers: part.listSupportedBackends().map(({ name }) => name) };",
  },
  {
    name: "better-sqlite3",
    purpose: "Feast's SQLite stores",
    load: { package: "better-sqlite3" },
    use: 'return { sqlite: new part(":memory:").prepare("SELECT sqlite_version() AS v").get().v };',
  },
  {
    name: "faiss-node",
    purpose: "FAISS indexes",
    load: { package: "faiss-node" },
    use: "const index = new part.IndexFlatL2(2); index.add([1, 2]); return { searched: index.search([1, 2], 1).labels.length === 1 };",
  },
  {
    name: "@duckdb/node-api",
    purpose: "commands that read Parquet",
    load: { package: "@duckdb/node-api" },
    use: "(await part.DuckDBInstance.create(':memory:')).closeSync(); return { duckdb: part.version() };",
  },
  {
    name: "faiss",
    purpose: "fast searches; without it faiss-node answers the same",
    load: { file: "merlon-faiss.node" },
    use: "return {};",
    fix: `${SCRIPTS}/native-faiss.mjs`,
  },
  {
    name: "allocator",
    purpose: "gives memory back after a peak, and shares files between servers",
    load: { file: `merlon-allocator-${process.platform}-${process.arch}.node` },
    use: "return { trimmed: typeof await part.trim() === 'boolean' };",
    fix: `${SCRIPTS}/native-allocator.mjs`,
  },
];

export const PART_NAMES: readonly string[] = PARTS.map(({ name }) => name);

/** @param from the module whose packages are meant */
export const nativeFindings = (from: string = import.meta.url): Promise<readonly Finding[]> =>
  Promise.all(PARTS.map(part => findingOf(part, from)));

async function findingOf(part: Part, from: string): Promise<Finding> {
  const common = { section: "native parts", name: part.name } as const;
  const require = createRequire(from);
  let path: string;
  let version = "";
  try {
    if ("file" in part.load) path = require.resolve(fileURLToPath(new URL(`${BUILT}/${part.load.file}`, from)));
    else {
      path = require.resolve(part.load.package);
      version = versionOf(require, part.load.package);
    }
  } catch (error) {
    return { ...common, state: "absent", found: `not installed (${part.purpose})`, fix: part.fix ?? fixOf(error) };
  }
  const outcome = await inChild(`const part = require(args[0]); ${part.use}`, [path], { env: QUIET });
  if ("error" in outcome) {
    const found = [version, reasonOf(outcome.error)].filter(Boolean).join(": ");
    return { ...common, state: "broken", found, fix: part.fix ?? fixOf(outcome.error) };
  }
  const floor = (PACKAGE_FLOORS as Readonly<Record<string, string>>)[part.name];
  if (floor !== undefined && isBelow(version, floor)) {
    const fix = `npm install ${part.name}@^${floor} --ignore-scripts`;
    return { ...common, state: "broken", found: `${version} has known vulnerabilities`, fix };
  }
  const details = valuesOf(outcome, version);
  return { ...common, state: "ok", found: shown(details) || "loads", details };
}

function versionOf(require: NodeJS.Require, name: string): string {
  const folders = require.resolve.paths(name) ?? [];
  for (const folder of folders)
    try {
      return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, "utf8")) as { version: string }).version;
    } catch {
      // The next folder may have it.
    }
  return "";
}

const valuesOf = (outcome: Extract<Outcome, { value: unknown }>, version: string): NonNullable<Finding["details"]> => ({
  ...(version !== "" && { version }),
  ...(outcome.value as Finding["details"]),
});

/** Names and versions, without flags. */
const shown = (details: NonNullable<Finding["details"]>): string =>
  Object.entries(details)
    .filter(([, value]) => typeof value !== "boolean")
    .map(([name, value]) =>
      name === "version" ? String(value) : `${name} ${Array.isArray(value) ? value.join(", ") : value}`,
    )
    .join("; ");

/** `the package x is not installed; WAY` → its two halves. */
const halvesOf = (error: unknown): readonly string[] => packageFault(error)?.split(/; (?=`)/, 2) ?? [];
const fixOf = (error: unknown): string | undefined => halvesOf(error)[1];
const reasonOf = (error: Error): string => halvesOf(error)[0] ?? error.message.split("\n")[0]!;

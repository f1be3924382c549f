/**
 * Adds optional packages to a project that has Merlon: `npm install merlon` brings none of them, so it stays small and runs no install script.
 *
 *   node node_modules/merlon/scripts/add-native.mjs                     all of them but the client of Milvus
 *   node node_modules/merlon/scripts/add-native.mjs onnxruntime-node    ONNX models only
 *
 * Packages are installed in the versions that Merlon is tested with, with their scripts off. Those of ONNX Runtime, better-sqlite3 and DuckDB carry
 * their binaries, and ioredis, pg and the clients of Kafka, S3 and Milvus have none. That of FAISS is then made by native-faiss.mjs. Uses Node's own
 * modules only.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const { peerDependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const npm = (...words) => run("npm", [...words, "--no-audit", "--no-fund"]);
/** A script of this folder, which prints why it fails. */
function script(name) {
  const { status, error } = spawnSync(process.execPath, [fileURLToPath(new URL(name, import.meta.url))], {
    stdio: "inherit",
  });
  if (status !== 0) throw error ?? new Printed();
}
class Printed extends Error {}

/** The actions that make a package usable after an installation without scripts. */
const PARTS = {
  "onnxruntime-node": () => {},
  "better-sqlite3": () => {},
  "faiss-node": () => script("native-faiss.mjs"),
  "@duckdb/node-api": () => {},
  ioredis: () => {},
  pg: () => {},
  "@platformatic/kafka": () => {},
  "@aws-sdk/client-s3": () => {},
  "@zilliz/milvus2-sdk-node": () => {},
};
/** 120 packages of 65 MB, which few projects use. */
const BY_NAME = ["@zilliz/milvus2-sdk-node"];
/** Packages that are needed with them, where they are not dependencies. */
const BESIDE = {
  "@duckdb/node-api": ["@duckdb/node-bindings"],
  "faiss-node": ["node-addon-api", "node-api-headers"].filter(name => name in peerDependencies),
};

function run(command, words) {
  const { status, error } = spawnSync(command, words, { stdio: "inherit" });
  if (status !== 0) throw new Error(`\`${[command, ...words].join(" ")}\` failed${error ? `: ${error.message}` : ""}`);
}

try {
  const known = Object.keys(PARTS).filter(name => name in peerDependencies);
  const names = process.argv.length > 2 ? process.argv.slice(2) : known.filter(name => !BY_NAME.includes(name));
  for (const name of names)
    if (!known.includes(name)) throw new Error(`\`${name}\` is not one of the optional packages: ${known.join(", ")}`);
  const all = names.flatMap(name => [name, ...(BESIDE[name] ?? [])]);
  npm("install", "--ignore-scripts", ...all.map(name => `${name}@${peerDependencies[name]}`));
  for (const name of names) PARTS[name]();
  script("native-allocator.mjs");
} catch (error) {
  if (!(error instanceof Printed)) console.error(error.message);
  process.exitCode = 1;
}

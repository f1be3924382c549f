/**
 * An error of Node's that a package is not installed → a sentence that says how to add it. Packages that only some commands or models need are optional
 * peers. An install of Merlon brings none of them, so it stays small and runs no install script.
 */
const ADD = "node node_modules/merlon/scripts/add-native.mjs";
const WAYS: Readonly<Record<string, string>> = {
  "onnxruntime-node": `\`${ADD} onnxruntime-node\` adds it, without CUDA's libraries`,
  "better-sqlite3": `\`${ADD} better-sqlite3\` adds it`,
  "faiss-node": `\`${ADD} faiss-node\` adds it: it needs a C++ compiler and FAISS`,
  "@duckdb/node-api": `\`${ADD} @duckdb/node-api\` adds it`,
  ioredis: `\`${ADD} ioredis\` adds it`,
  pg: `\`${ADD} pg\` adds it`,
  "@platformatic/kafka": `\`${ADD} @platformatic/kafka\` adds it`,
  "@aws-sdk/client-s3": `\`${ADD} @aws-sdk/client-s3\` adds it`,
  "@zilliz/milvus2-sdk-node": `\`${ADD} @zilliz/milvus2-sdk-node\` adds it`,
};

/** DuckDB has packages for its bindings and for each platform, which `@duckdb/node-api` brings. */
const owner = (name: string): string => (name.startsWith("@duckdb/") ? "@duckdb/node-api" : name);

/** A package that is not installed; undefined for any other error. */
export function missingPackage(error: unknown): string | undefined {
  const { code, message = "" } = (error ?? {}) as { code?: string; message?: string };
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return undefined;
  const name = owner(/Cannot find (?:package|module) '([^']+)'/.exec(message)?.[1] ?? "");
  return Object.hasOwn(WAYS, name) ? `the package ${name} is not installed; ${WAYS[name]}` : undefined;
}

/** The package whose file an error is about: its own text, the modules that required it, or where it was thrown. */
function packageOf(error: Error & { readonly requireStack?: readonly string[] }): string | undefined {
  const text = [error.message, ...(error.requireStack ?? []), error.stack ?? ""].join("\n");
  const [, found = ""] =
    /node_modules[\\/](onnxruntime-node|better-sqlite3|faiss-node|@duckdb[\\/][^\\/\n]+)[\\/]/.exec(text) ?? [];
  const name = owner(found.replace("\\", "/"));
  return Object.hasOwn(WAYS, name) ? name : undefined;
}

/** A package that is not installed, or whose native part is missing or of another Node or machine; undefined for any other error. */
export function packageFault(error: unknown): string | undefined {
  const absent = missingPackage(error);
  if (absent !== undefined || !(error instanceof Error)) return absent;
  const { code } = error as NodeJS.ErrnoException;
  const isUnbuilt =
    /^Could not locate the bindings file/.test(error.message) ||
    (code === "MODULE_NOT_FOUND" && /\.node'/.test(error.message));
  if (!isUnbuilt && code !== "ERR_DLOPEN_FAILED") return undefined;
  const name = packageOf(error);
  if (name === undefined) return undefined;
  const [built, here] = [...error.message.matchAll(/NODE_MODULE_VERSION (\d+)/g)].map(([, abi]) => abi);
  const what = isUnbuilt
    ? "has no native part here: it was installed without its scripts, or for another machine"
    : built
      ? `was built for another Node (its ABI is ${built}, and this Node's ${here})`
      : `can't be loaded (${error.message.split("\n")[0]!.replace(/[^\s:]*[\\/]([^\\/:\s]+: )/, "$1")})`;
  return `the package ${name} ${what}; ${WAYS[name]}`;
}

/** The first sentence of that kind in a report of several lines, such as the reasons of models that did not load. */
export const packageFaultIn = (report: string): string | undefined =>
  /the package \S+ (?:is not installed|has no native part here|was built for another Node|can't be loaded)[^\n"]*/.exec(
    report,
  )?.[0];

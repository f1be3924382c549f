/**
 * An error of Node's that a package is not installed → a sentence that says how to add it. Packages with native code are optional peers: an install of
 * Merlon brings none of them, so it runs no install script.
 */
const ADD = "node node_modules/merlon/scripts/add-native.mjs";
const WAYS: Readonly<Record<string, string>> = {
  "onnxruntime-node": `\`${ADD} onnxruntime-node\` adds it, without CUDA's libraries`,
  "better-sqlite3": `\`${ADD} better-sqlite3\` adds it: it needs a download of its binary, or python3, make and a C++ compiler`,
  "faiss-node": `\`${ADD} faiss-node\` adds it: it needs a C++ compiler and FAISS`,
};

/** undefined for any other error. */
export function missingPackage(error: unknown): string | undefined {
  const { code, message = "" } = (error ?? {}) as { code?: string; message?: string };
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return undefined;
  const name = /Cannot find (?:package|module) '([^']+)'/.exec(message)?.[1] ?? "";
  return Object.hasOwn(WAYS, name) ? `the package ${name} is not installed; ${WAYS[name]}` : undefined;
}

/**
 * An error of Node's that a package is not installed → a sentence that says how it gets there. Packages with native code are optional: npm leaves
 * one out when its install script fails, rather than fail as a whole.
 */
const WAYS: Readonly<Record<string, string>> = {
  "onnxruntime-node":
    "`npm install onnxruntime-node --onnxruntime-node-install=skip` installs it without CUDA's libraries, which its install script could not fetch",
  "better-sqlite3":
    "`npm install better-sqlite3` shows why it was not built: it needs a download of its binary, or python3, make and a C++ compiler",
  "faiss-node": "`node node_modules/merlon/scripts/native-faiss.mjs` compiles it, given a C++ compiler and FAISS",
};

/** undefined for any other error. */
export function missingPackage(error: unknown): string | undefined {
  const { code, message = "" } = (error ?? {}) as { code?: string; message?: string };
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return undefined;
  const name = /Cannot find (?:package|module) '([^']+)'/.exec(message)?.[1] ?? "";
  return Object.hasOwn(WAYS, name) ? `the package ${name} is not installed; ${WAYS[name]}` : undefined;
}

/** A path as an author wrote it → a file name inside the compiled model: `etl/user` → `etl-user`, `../shared/x.onnx` → `shared-x.onnx`. */
export const artefactName = (path: string): string =>
  path
    .split(/[\\/]+/)
    .filter(part => part !== "" && part !== "." && part !== "..")
    .join("-")
    .replace(/[^\w.-]/g, "_");

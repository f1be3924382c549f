// `node:module`: source maps, and a `require` that says where a package would be.
import { SourceMapConsumer } from "source-map-js";
import Database from "./better-sqlite3.mjs";

export class SourceMap {
  #map;
  constructor(map) {
    this.#map = new SourceMapConsumer(map);
  }
  /** Lines and columns from 0, as Node counts them. */
  findEntry(line, column) {
    const found = this.#map.originalPositionFor({ line: line + 1, column, bias: SourceMapConsumer.LEAST_UPPER_BOUND });
    return found.line === null ? {} : { originalLine: found.line - 1, originalColumn: found.column };
  }
}
export function createRequire() {
  const require = name => {
    if (name === "better-sqlite3") return Database;
    throw new Error(`the package ${name} is not part of the playground`);
  };
  require.resolve = name => `/merlon/node_modules/${name}/index.cjs`;
  return require;
}
export default { SourceMap, createRequire };

/**
 * Module hooks of the evaluation worker: the compiler provides the program's own TypeScript files as JavaScript, and `merlon` is this
 * Merlon.
 */
import { registerHooks } from "node:module";
import { programModule } from "./program-modules.js";

/** @param modules JavaScript by file: URL @param dsl file: URL of `merlon` */
export function serveModules(modules: ReadonlyMap<string, string>, dsl: string): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === "merlon") return { url: dsl, shortCircuit: true };
      const url = programModule(modules, specifier, context.parentURL);
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
    },
    load(url, context, next) {
      const source = modules.get(url);
      return source === undefined ? next(url, context) : { format: "module", source, shortCircuit: true };
    },
  });
}

/**
 * Module hooks of the evaluation worker: the compiler provides the program's own TypeScript files as JavaScript, and `merlon` is this
 * Merlon.
 */
import { registerHooks } from "node:module";

/** @param modules JavaScript by file: URL @param dsl file: URL of `merlon` */
export function serveModules(modules: ReadonlyMap<string, string>, dsl: string): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === "merlon") return { url: dsl, shortCircuit: true };
      if (modules.has(specifier)) return { url: specifier, shortCircuit: true };
      if (specifier.startsWith(".") && context.parentURL && modules.has(context.parentURL)) {
        const asked = new URL(specifier, context.parentURL).href;
        const spelled = [
          asked,
          asked.replace(/\.js$/, ".ts"),
          `${asked}.ts`,
          asked.replace(/\.merlon\.ts$/, ".merlon"),
        ];
        const found = spelled.find(url => modules.has(url));
        if (found) return { url: found, shortCircuit: true };
      }
      return next(specifier, context);
    },
    load(url, context, next) {
      const source = modules.get(url);
      return source === undefined ? next(url, context) : { format: "module", source, shortCircuit: true };
    },
  });
}

/**
 * Module hooks of the evaluation worker: the program's own TypeScript files come from the compiler as JavaScript, and `merlon` is this Merlon.
 */
interface Data {
  readonly modules: ReadonlyMap<string, string>;
  readonly dsl: string;
}

let data: Data;

export function initialize(given: Data): void {
  data = given;
}

interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
}

export async function resolve(
  specifier: string,
  context: { readonly parentURL?: string },
  next: (specifier: string, context: object) => Promise<Resolved>,
): Promise<Resolved> {
  if (specifier === "merlon") return { url: data.dsl, shortCircuit: true };
  if (data.modules.has(specifier)) return { url: specifier, shortCircuit: true };
  if (specifier.startsWith(".") && context.parentURL && data.modules.has(context.parentURL)) {
    const asked = new URL(specifier, context.parentURL).href;
    const found = [asked, asked.replace(/\.js$/, ".ts"), `${asked}.ts`].find(url => data.modules.has(url));
    if (found) return { url: found, shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(
  url: string,
  context: object,
  next: (url: string, context: object) => Promise<unknown>,
): Promise<unknown> {
  const source = data.modules.get(url);
  return source === undefined ? next(url, context) : { format: "module", source, shortCircuit: true };
}

/**
 * An import of a program's file → the file of the program that it names, by the spellings that TypeScript takes.
 * @param modules by file: URL
 * @param parent file: URL of the importing file
 * @returns undefined if the import does not name a file of the program
 */
export function programModule(
  modules: ReadonlyMap<string, unknown>,
  specifier: string,
  parent: string | undefined,
): string | undefined {
  if (modules.has(specifier)) return specifier;
  if (!specifier.startsWith(".") || parent === undefined || !modules.has(parent)) return undefined;
  const named = new URL(specifier, parent).href;
  const spelled = [named, named.replace(/\.js$/, ".ts"), `${named}.ts`, named.replace(/\.merlon\.ts$/, ".merlon")];
  return spelled.find(url => modules.has(url));
}

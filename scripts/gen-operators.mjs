// Writes operators/gen/: the operators' catalogues, one for each half, from the folders that there are.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../operators/", import.meta.url));

/** Catalogue → the file of an operator that it takes, what that exports beside the operator's name, its table, and what it holds. */
const CATALOGUES = [
  { name: "specs", file: "spec", suffix: "", table: "SPECS", what: "spec" },
  { name: "authors", file: "author", suffix: "Op", table: "AUTHORS", what: "compile half" },
  { name: "kernels", file: "kernel", suffix: "", table: "KERNELS", what: "kernel" },
  { name: "lowerings", file: "onnx", suffix: "", table: "LOWERINGS", what: "lowering, or why it has none" },
  { name: "sql-forms", file: "sql", suffix: "", table: "SQL_FORMS", what: "SQL form, where a workflow may hold it" },
];

const camel = folder => folder.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/** @returns path inside `operators/gen` → text */
export function catalogues() {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && existsSync(join(root, entry.name, "spec.ts")))
    .map(entry => entry.name)
    .sort();
  return CATALOGUES.map(({ name, file, suffix, table, what }) => {
    const present = folders.filter(folder => existsSync(join(root, folder, `${file}.ts`)));
    const imports = present.map(folder => `import { ${camel(folder)}${suffix} } from "../${folder}/${file}.js";\n`);
    const entries = present.map(folder => `  ${camel(folder)}${suffix && `: ${camel(folder)}${suffix}`},\n`);
    const head = `/** Operator → its ${what}. Made by scripts/gen-operators.mjs (\`npm run gen\`). */\n`;
    return [`${name}.ts`, `${head}${imports.join("")}\nexport const ${table} = {\n${entries.join("")}} as const;\n`];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(join(root, "gen"), { recursive: true });
  for (const [path, text] of catalogues()) writeFileSync(join(root, "gen", path), text);
}

// Writes operators/gen/: the operators' catalogues, one for each half, from the folders that there are.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../operators/", import.meta.url));

/**
 * Catalogue → the file of an operator for it, its export beside the operator's name, the table, and its content. Operators whose specs name
 * `identity` have their form in the folder `shared`.
 */
const CATALOGUES = [
  { name: "specs", file: "spec", suffix: "", table: "SPECS", what: "spec" },
  { name: "authors", file: "author", suffix: "Op", table: "AUTHORS", what: "compile half" },
  { name: "kernels", file: "kernel", suffix: "", table: "KERNELS", what: "kernel", shared: "kernel" },
  {
    name: "lowerings",
    file: "onnx",
    suffix: "",
    table: "LOWERINGS",
    what: "lowering, or why it has none",
    shared: "onnx",
  },
  {
    name: "sql-forms",
    file: "sql",
    suffix: "",
    table: "SQL_FORMS",
    what: "SQL form, where a workflow may hold it",
    shared: "sql",
  },
];

const camel = folder => folder.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/** @returns path inside `operators/gen` → text */
export function catalogues() {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && existsSync(join(root, entry.name, "spec.ts")))
    .map(entry => entry.name)
    .sort();
  const passing = folders.filter(folder =>
    / {2}identity: true,/.test(readFileSync(join(root, folder, "spec.ts"), "utf8")),
  );
  return CATALOGUES.map(({ name, file, suffix, table, what, shared }) => {
    const has = folder => existsSync(join(root, folder, `${file}.ts`));
    const passes = folder => shared !== undefined && passing.includes(folder);
    const imports = [...folders.filter(has), "shared"].sort().flatMap(folder => {
      if (folder !== "shared") return `import { ${camel(folder)}${suffix} } from "../${folder}/${file}.js";\n`;
      return shared ? `import { identity } from "../shared/${shared}/identity.js";\n` : [];
    });
    const entries = folders.flatMap(folder => {
      if (has(folder)) return `  ${camel(folder)}${suffix && `: ${camel(folder)}${suffix}`},\n`;
      return passes(folder) ? `  ${camel(folder)}: identity,\n` : [];
    });
    const head = `/** Operator → its ${what}. Made by scripts/gen-operators.mjs (\`npm run gen\`). */\n`;
    return [`${name}.ts`, `${head}${imports.join("")}\nexport const ${table} = {\n${entries.join("")}} as const;\n`];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(join(root, "gen"), { recursive: true });
  for (const [path, text] of catalogues()) writeFileSync(join(root, "gen", path), text);
}

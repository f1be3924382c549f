// Turns compiler/diagnostics/messages.md into messages.ts: one typed constructor per code.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const source = new URL("../compiler/diagnostics/messages.md", import.meta.url);
const target = new URL("../compiler/diagnostics/messages.ts", import.meta.url);

/** Markdown of the messages → TypeScript of their constructors. */
export function generate(markdown) {
  const sections = markdown
    .split(/^## /m)
    .slice(1)
    .map(section => {
      const [code, ...rest] = section.split("\n");
      const pick = mark =>
        rest
          .filter(line => line.startsWith(mark))
          .map(line => line.slice(2))
          .join(" ");
      const explanation = rest.filter(line => line && !/^[>=]/.test(line)).join(" ");
      return { code: code.trim(), message: pick("> "), help: pick("= "), explanation };
    });
  const codes = sections.map(s => s.code);
  const doubled = codes.find((code, i) => codes.indexOf(code) !== i);
  if (doubled) throw new Error(`messages.md has two sections "${doubled}"`);
  for (const { code, message, help } of sections)
    if (!message || !help)
      throw new Error(`messages.md: "${code}" needs a line starting with ">" and one starting with "="`);
  const name = code => code.replace(/[/-](.)/g, (_, letter) => letter.toUpperCase());
  const template = text =>
    `\`${text
      .replaceAll("\\`", "`")
      .replaceAll("`", "\\`")
      .replace(/%(\w+)%/g, "${p.$1}")}\``;
  // A suggestion is a sentence, and the replacements that it means.
  const typeOf = parameter => (parameter === "suggestion" ? "string | Suggestion" : "string | number");
  const constructors = sections.map(({ code, message, help, explanation }) => {
    const parameters = [...new Set([...`${message} ${help}`.matchAll(/%(\w+)%/g)].map(m => m[1]))];
    return [
      explanation ? `/** ${explanation} */` : `/** ${code} */`,
      `export const ${name(code)} = (p: { ${parameters.map(k => `readonly ${k}: ${typeOf(k)}`).join("; ")} }): Message => ({`,
      `  code: ${JSON.stringify(code)},`,
      `  message: ${template(message)},`,
      `  help: ${template(help)},`,
      ...(parameters.includes("suggestion") ? ["  ...replacing(p.suggestion),"] : []),
      "});",
    ].join("\n");
  });
  return [
    "// Made by scripts/gen-messages.mjs from messages.md: do not edit.",
    'import type { Message } from "./diagnostic.js";',
    'import { replacing, type Suggestion } from "./fixes.js";',
    "",
    `/** Every code, in the order of messages.md. */\nexport const CODES = ${JSON.stringify(codes, null, 2)} as const;`,
    "",
    constructors.join("\n\n"),
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, generate(readFileSync(source, "utf8")));

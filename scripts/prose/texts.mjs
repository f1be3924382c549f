/** The texts of the tree that people read, each with its kind and the place of its first character. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** @typedef {{ kind: string, file: string, line: number, text: string }} Text */

/** Files that others wrote, that programs wrote, or that hold data. */
const ASIDE =
  /(^|\/)gen\/|^model-repo\/|^triton-protos\/proto\/|^tests\/(fixtures|samples|conformance\/(data|repository)|explain\/expected|mutation\/\w+\/)|^compiler\/diagnostics\/messages\.ts$|^examples\/tutorial\/\d.*\.ts$|^package-lock\.json$/;
const DIRECTIVE =
  /^\W*(biome-ignore|oxlint-|eslint-|@ts-|@vitest|v8 ignore|istanbul|prettier|#region|SPDX|<reference|noqa|type:|!\/)/;

const isTest = file => /^tests\/|\.test\.ts$|^lab\/tests\//.test(file);

/** @returns {Text[]} the texts of one file; none of a kind of file without prose */
export function textsOf(root, file) {
  if (ASIDE.test(file)) return [];
  const read = () => readFileSync(join(root, file), "utf8");
  if (/\.(ts|cts|mts|mjs|cjs|js)$/.test(file)) return ofScript(file, read());
  if (file.endsWith(".py")) return ofPython(file, read());
  if (/\.(cc|cpp|h|hpp|c)$/.test(file)) return ofComments(file, read(), /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y);
  if (file.endsWith(".css")) return ofComments(file, read(), /"[^"\n]*"/y);
  if (file.endsWith(".md")) return ofMarkdown(file, read());
  if (file.endsWith(".html")) return ofPage(file, read());
  return [];
}

const lineAt = (text, offset) => text.slice(0, offset).split("\n").length;

/** Paragraphs of a comment's lines, without its marks; each line of the source stays a line. */
function commentText(lines, file, line, kind) {
  const text = lines.map(one => (DIRECTIVE.test(one) ? "" : one)).join("\n");
  return { kind, file, line, text };
}

/** Comments of a text: `/* … *​/` one by one, `//` lines that follow each other as one. `skips` matches literals. */
function comments(source, literalAt) {
  const found = [];
  for (let at = 0; at < source.length; ) {
    const end = literalAt(at);
    if (end > at) at = end;
    else if (source.startsWith("//", at)) {
      const stop = source.indexOf("\n", at) < 0 ? source.length : source.indexOf("\n", at);
      found.push({ at, end: stop, block: false });
      at = stop;
    } else if (source.startsWith("/*", at)) {
      const stop = source.indexOf("*/", at + 2) < 0 ? source.length : source.indexOf("*/", at + 2) + 2;
      found.push({ at, end: stop, block: true });
      at = stop;
    } else at++;
  }
  return found;
}

function commentTexts(file, source, found) {
  const texts = [];
  let [open, last] = [undefined, -2];
  for (const { at, end, block } of found) {
    const line = lineAt(source, at);
    const raw = source.slice(at, end);
    if (block) {
      const lines = raw
        .slice(raw.startsWith("/**") ? 3 : 2, -2)
        .split("\n")
        .map(one => one.replace(/^\s*\*? ?/, ""));
      texts.push(commentText(lines, file, line, raw.startsWith("/**") ? "docstrings" : "comments"));
      continue;
    }
    const content = raw.replace(/^\/\/+ ?/, "");
    const alone = source.slice(source.lastIndexOf("\n", at) + 1, at).trim() === "";
    if (open && line === last + 1 && alone) open.lines.push(content);
    else {
      open = alone ? { line, lines: [content] } : undefined;
      texts.push(open ?? { line, lines: [content] });
    }
    last = line;
  }
  return texts.map(one => (one.lines ? commentText(one.lines, file, one.line, "comments") : one));
}

function ofComments(file, source, literal) {
  const literalAt = at => {
    literal.lastIndex = at;
    return literal.test(source) ? literal.lastIndex : at;
  };
  return commentTexts(file, source, comments(source, literalAt));
}

/** Calls whose first argument is a test's name. */
const NAMED = /^(test|it|describe|suite|bench)(\.|$)/;
/** Calls of commander, by the position of the argument that `--help` prints. */
const HELP_CALLS = {
  description: [0],
  summary: [0],
  argument: [1],
  option: [1],
  requiredOption: [1],
  addHelpText: [1],
  Option: [1],
  Argument: [1],
};
const ONE_FLAG = new Set(["option", "requiredOption", "Option"]);

function ofScript(file, source) {
  const tree = ts.createSourceFile(
    file,
    source,
    ts.ScriptTarget.Latest,
    false,
    file.endsWith(".ts") ? ts.ScriptKind.TS : ts.ScriptKind.JS,
  );
  const literals = [];
  const texts = [];
  const help = file.startsWith("cli/");
  const kindOf = new Map();
  const mark = (node, kind) => {
    if (!node) return;
    const sides = ts.isBinaryExpression(node)
      ? [node.left, node.right]
      : ts.isConditionalExpression(node)
        ? [node.whenTrue, node.whenFalse]
        : [];
    for (const side of sides) mark(side, kind);
    if (sides.length === 0) kindOf.set(node, kind);
  };
  const nameOf = node =>
    ts.isIdentifier(node)
      ? node.text
      : ts.isPropertyAccessExpression(node)
        ? `${nameOf(node.expression)}.${node.name.text}`
        : ts.isCallExpression(node) || ts.isTaggedTemplateExpression(node)
          ? nameOf(node.expression ?? node.tag)
          : "";
  const visit = node => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const called = nameOf(node.expression);
      if (isTest(file) && NAMED.test(called)) mark(node.arguments?.[0], "tests");
      const method = called.split(".").at(-1);
      if (help && Object.hasOwn(HELP_CALLS, method))
        for (const i of HELP_CALLS[method]) mark(node.arguments?.[i], ONE_FLAG.has(method) ? "flags" : "help");
      if (file === "cli/tritonserver/flags.ts" && ["flag", "own"].includes(called)) mark(node.arguments?.[2], "flags");
    }
    if (help && ts.isVariableDeclaration(node) && node.initializer && /HELP$/.test(nameOf(node.name)))
      mark(node.initializer, "help");
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier) literals.push([node.moduleSpecifier.pos, node.moduleSpecifier.end]);
      return;
    }
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) {
      const start = node.getStart(tree);
      const text = ts.isTemplateExpression(node)
        ? node.head.text +
          node.templateSpans
            .map(
              span =>
                `◇${"\n".repeat(source.slice(span.expression.pos, span.expression.end).split("\n").length - 1)}${span.literal.text}`,
            )
            .join("")
        : node.text;
      const kind = kindOf.get(node) ?? (isTest(file) || /^(scripts|examples)\//.test(file) ? undefined : "messages");
      if (kind && (kind !== "messages" || isSentence(text)))
        texts.push({ kind, file, line: lineAt(source, start), text });
      if (!ts.isTemplateExpression(node)) literals.push([start, node.end]);
      else
        for (const part of [node.head, ...node.templateSpans.map(span => span.literal)])
          literals.push([part.getStart(tree), part.end]);
    } else if (ts.isRegularExpressionLiteral(node)) literals.push([node.getStart(tree), node.end]);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  const ends = new Map(literals);
  return [
    ...texts,
    ...commentTexts(
      file,
      source,
      comments(source, at => ends.get(at) ?? at),
    ),
  ];
}

/** Text for people has words and spaces between them; SQL, code and MIME types are none. */
function isSentence(text) {
  if (text.startsWith(":") || /^<\w+ [^>]*="|^function \w+$/m.test(text)) return false;
  if (
    /^\s*(SELECT|CREATE|INSERT|COPY|WITH|PRAGMA|UPDATE|DELETE|FROM|SET|ATTACH|DROP|ALTER|BEGIN|EXPLAIN|DESCRIBE|INSTALL|LOAD)\b/.test(
      text,
    )
  )
    return false;
  if (/[{}<>]|=>|\);/.test(text.replaceAll(/<\w+>/g, "")) && /[;{}]|<\//.test(text)) return false;
  return (text.match(/(?<=^|\s)\p{L}{2,}(?=[\s.,:;!?)]|$)/gu) ?? []).length > 3;
}

function ofPython(file, source) {
  const texts = [];
  const token = /("""|''')([\s\S]*?)\1|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#([^\n]*)/g;
  let [open, last] = [undefined, -2];
  for (const match of source.matchAll(token)) {
    const line = lineAt(source, match.index);
    const before = source.slice(source.lastIndexOf("\n", match.index) + 1, match.index).trim();
    if (match[2] !== undefined && before === "")
      texts.push(
        commentText(
          match[2].split("\n").map(one => one.trimStart()),
          file,
          line,
          "docstrings",
        ),
      );
    if (match[3] === undefined) continue;
    if (open && line === last + 1 && before === "") open.lines.push(match[3].trim());
    else {
      open = before === "" ? { line, lines: [match[3].trim()] } : undefined;
      texts.push(open ?? { line, lines: [match[3].trim()] });
    }
    last = line;
  }
  return texts.map(one => (one.lines ? commentText(one.lines, file, one.line, "comments") : one));
}

/** Prose of a page of Markdown: headings, paragraphs, items and cells, with every line kept. */
function ofMarkdown(file, source) {
  const kind = file === "compiler/diagnostics/messages.md" ? "messages" : "docs";
  let fence;
  const texts = [];
  let open;
  const push = (line, text, own = kind) => {
    open = { kind: own, file, line, text };
    texts.push(open);
  };
  for (const [i, raw] of source
    .replaceAll(/<!--[\s\S]*?-->/g, all => all.replaceAll(/[^\n]/g, ""))
    .split("\n")
    .entries()) {
    const mark = /^\s*(```+|~~~+)/.exec(raw)?.[1];
    if (mark && (!fence || mark.startsWith(fence))) {
      fence = fence ? undefined : mark;
      open = undefined;
      continue;
    }
    if (fence) continue;
    const line = raw.replaceAll(/\]\([^)]*\)/g, "]").replaceAll(/[*_]{2}/g, "");
    const heading = /^#+ (.*)/.exec(line);
    if (heading) {
      push(i + 1, heading[1], "headings");
      open = undefined;
    } else if (/^\s*\|/.test(line)) {
      for (const cell of line
        .replaceAll(/`[^`]*`/g, "□")
        .split("|")
        .slice(1, -1))
        if (/\w/.test(cell)) push(i + 1, cell.trim());
      open = undefined;
    } else if (line.trim() === "") open = undefined;
    else if (/^\s*([-+*]|\d+\.|>|=) /.test(line)) push(i + 1, line.replace(/^\s*([-+*]|\d+\.|>|=) /, ""));
    else if (open) open.text += `\n${line}`;
    else push(i + 1, line);
  }
  return texts;
}

/** Text nodes and titles of a page, and the comments of its script and style are those of their own files. */
function ofPage(file, source) {
  const plain = source.replaceAll(/<(script|style)[\s\S]*?<\/\1>/g, all => all.replaceAll(/[^\n]/g, ""));
  return [...plain.matchAll(/>([^<>]*\w[^<>]*)</g)].map(match => ({
    kind: "pages",
    file,
    line: lineAt(plain, match.index),
    text: match[1],
  }));
}

/** Sentences of a text with their lines: code between backticks is `□`, and a paragraph, an item or a tag begins a new one. */
export function sentencesOf({ text, line, kind }) {
  const plain = text
    .replaceAll(/``[^`]+``|`[^`]*`/g, code => `□${"\n".repeat(code.split("\n").length - 1)}`)
    .replaceAll(/https?:\/\/[^\s)]+/g, "□")
    // Paths of files are names.
    .replaceAll(/(?<![\w./-])[\w-]+(?:\/[\w.-]+)+\.\w+/g, "□")
    .replaceAll(/%\w+%/g, "◇")
    .replaceAll(/\{@link [^}]*\}/g, "□");
  const found = [];
  // Samples of code in comments, commands of a help text, and columns of a table end a paragraph.
  const parts = plain.split(
    /(\n\s*\n|\n(?=\s*(?:[-*•] |@\w+|\d+\. |```|\$ |--?\w|const \w+ =))|(?<=[.!?]["')”]?\*?)\s+(?=["'(“[]*[\p{Lu}\p{N}□◇])|(?<=\S)(?: {2,}| · )(?=\S)|\s+(?=@(?:param|returns|throws|default)\b))/u,
  );
  let at = line;
  let code = false;
  for (const part of parts) {
    if (/^\s*```/.test(part)) code = !code;
    const sentence = part
      .replaceAll(/\s+/g, " ")
      .trim()
      .replace(/^(@(param|returns?|throws)( [\w.$]+)?|@\w+|[-*•]|\d+\.) ?/, "");
    const first = at + (/^\n*/.exec(part)?.[0].length ?? 0);
    at += part.split("\n").length - 1;
    if (/[\p{L}]{2,}/u.test(sentence) && !/^\$ |^--?\w/.test(sentence) && !isCode(sentence) && !code)
      found.push({ line: first, sentence, kind });
  }
  return found;
}

const isCode = sentence =>
  /^(const|let|import|export|return|if \(|for \(|await)\b.*[;{(]|=>|\^=|^[\w.]+\(.*\);?$|[{}];?$|^\/\//.test(sentence);

// Lines of code: those with something other than white space and comments. Python's docstrings are comments.
import ts from "typescript";

const SCRIPT = /\.[cm]?[jt]sx?$/;
const SLASHES = /\.(c|cc|cpp|h|proto|css)$/;
const HASHES = /\.(sh|ya?ml|toml)$/;
const PYTHON = /\.py$/;
const DOCSTRING = /^[ \t]*[rR]?("""|''')[\s\S]*?\1[ \t]*$/gm;

/** @returns whether lines of the file at `path` are counted */
export const isCode = path => [SCRIPT, SLASHES, HASHES, PYTHON, /\.html$/].some(form => form.test(path));

const linesOf = text => text.split("\n").filter(line => line.trim() !== "").length;

/** Lines on which a token of TypeScript or JavaScript has a character. */
function scriptLines(path, text) {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false);
  const starts = tree.getLineStarts();
  const lines = new Set();
  const visit = node => {
    if (node.kind > ts.SyntaxKind.LastToken || node.getChildCount(tree) > 0) {
      if (!ts.isJSDoc(node)) for (const child of node.getChildren(tree)) visit(child);
      return;
    }
    const [from, to] = [node.getStart(tree), node.end];
    if (from === to) return;
    const last = ts.getLineAndCharacterOfPosition(tree, to - 1).line;
    for (let line = ts.getLineAndCharacterOfPosition(tree, from).line; line <= last; line++)
      if (text.slice(starts[line], starts[line + 1]).trim() !== "") lines.add(line);
  };
  visit(tree);
  return lines.size;
}

/**
 * Counts the lines of code of a file.
 * @param path decides the language @param text the file's content
 */
export function codeLines(path, text) {
  if (SCRIPT.test(path)) return scriptLines(path, text);
  if (SLASHES.test(path)) return linesOf(text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ""));
  if (PYTHON.test(path)) return linesOf(text.replaceAll(DOCSTRING, "").replaceAll(/^\s*#.*$/gm, ""));
  if (HASHES.test(path)) return linesOf(text.replaceAll(/^\s*#.*$/gm, ""));
  return linesOf(text.replaceAll(/<!--[\s\S]*?-->/g, ""));
}

/**
 * Author's text → text that plain TypeScript understands: `a >> b` becomes `$chain(a , b, 3)`. The only file that knows `>>`, `+`,
 * `-` and `[]` as syntax. It inserts glue around verbatim slices and never reprints a token, so that every message maps back.
 */
import { ts } from "ts-morph";
import { type DiagnosticSite, diagnosticAt, type Finding } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import { findLambdas, type LambdaSite } from "./lambdas.js";
import type { Range, Span } from "./spans.js";

/** Suffixes of the files in which operators mean nodes. */
export const SUFFIXES = [".ensemble.ts", ".workflow.ts"] as const;
export const isMerlonFile = (path: string): boolean => SUFFIXES.some(suffix => path.endsWith(suffix));

/** Where an operator stands: the graph's nodes carry its index, so that a fault found later points at the operand. */
export interface Site {
  readonly operator: ">>" | "+" | "-" | "[]" | "call";
  readonly whole: Range;
  readonly left: Range;
  readonly right: Range;
  /** The variable the expression is assigned to. */
  readonly variable?: string;
}

export interface Rewritten {
  readonly text: string;
  readonly spans: readonly Span[];
  readonly sites: readonly Site[];
  /** Functions handed to operators; what is inside them stays as it is. */
  readonly lambdas: readonly LambdaSite[];
  readonly findings: readonly Finding[];
}

interface Edit {
  readonly pos: number;
  readonly remove: number;
  readonly text: string;
  /** Openers at one position: outer (longer) first. Closers at one position: inner first. */
  readonly order: number;
  readonly closes: boolean;
}

const HELPERS = { ">>": "$chain", "+": "$plus", "-": "$minus" } as const;
type Operator = keyof typeof HELPERS;

const BINARY = new Map<ts.SyntaxKind, Operator>([
  [ts.SyntaxKind.GreaterThanGreaterThanToken, ">>"],
  [ts.SyntaxKind.PlusToken, "+"],
  [ts.SyntaxKind.MinusToken, "-"],
]);
const COMPOUND = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.GreaterThanGreaterThanEqualsToken, ">>"],
  [ts.SyntaxKind.PlusEqualsToken, "+"],
  [ts.SyntaxKind.MinusEqualsToken, "-"],
]);
const METHODS = new Set(["pipe", "plus", "minus", "pick"]);

/**
 * Rewrites one file. Text without operators comes back with one span that covers it all.
 * @param text the author's file
 * @param file its path, for messages
 * @param firstSite index of its first site, where several files share one list; `firstLambda` likewise
 */
export function rewrite(text: string, file: string, firstSite = 0, firstLambda = 0): Rewritten {
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const edits: Edit[] = [];
  const sites: Site[] = [];
  const findings: Finding[] = [];
  const sources = sourceVariables(tree);
  const lambdas = findLambdas(tree);
  const lambdaList = [...new Map([...lambdas.values()].map(lambda => [lambda.range.start, lambda])).values()];
  const isLambda = (node: ts.Node) =>
    ts.isFunctionLike(node) &&
    lambdaList.some(({ range }) => range.start === node.getStart(tree) && range.end === node.end);
  const range = (node: ts.Node): Range => ({ start: node.getStart(tree), end: node.end });
  const site = (operator: Site["operator"], whole: ts.Node, left: ts.Node, right: Range): number => {
    const variable = variableOf(whole);
    return (
      firstSite +
      sites.push({ operator, whole: range(whole), left: range(left), right, ...(variable && { variable }) }) -
      1
    );
  };
  const open = (node: ts.Node, text: string) =>
    edits.push({ pos: node.getStart(tree), remove: 0, text, order: -node.end, closes: false });
  const close = (node: ts.Node, text: string) =>
    edits.push({ pos: node.end, remove: 0, text, order: -node.getStart(tree), closes: true });
  const replace = (start: number, end: number, text: string) =>
    edits.push({ pos: start, remove: end - start, text, order: 0, closes: false });
  const fail = (where: DiagnosticSite, message: Parameters<typeof diagnosticAt>[1]) =>
    findings.push(diagnosticAt(where, message));

  /** A list of names stands for columns of the file's only source. */
  const bindList = (list: ts.Node) => {
    const [only, second] = sources;
    if (!only) return fail({ file, ...range(list) }, messages.rewriteListWithoutSource({ list: list.getText(tree) }));
    if (second)
      return fail(
        { file, ...range(list) },
        messages.rewriteListAmbiguous({
          list: list.getText(tree),
          sources: sources.map(s => `\`${s}\``).join(" and "),
          first: only,
        }),
      );
    open(list, `$list(${only}, `);
    close(list, `, ${site("[]", list, list, range(list))})`);
  };

  const lambda = (argument: ts.Node, { range, outer }: LambdaSite) => {
    open(argument, "$lambda(");
    const index = firstLambda + lambdaList.findIndex(other => other.range.start === range.start);
    const constants = outer.map(name => `${name}: () => ${name}`).join(", ");
    close(argument, constants ? `, ${index}, { ${constants} })` : `, ${index})`);
  };

  const visit = (node: ts.Node): void => {
    const found = lambdas.get(node);
    if (found) lambda(node, found);
    if (isLambda(node)) return;
    if (ts.isBinaryExpression(node)) binary(node);
    else if (ts.isElementAccessExpression(node)) element(node);
    else if (ts.isCallExpression(node)) call(node);
    ts.forEachChild(node, visit);
  };

  const binary = (node: ts.BinaryExpression) => {
    const compound = COMPOUND.get(node.operatorToken.kind);
    if (compound && !isPrimitive(node.right) && ts.isIdentifier(node.left))
      return fail(
        { file, ...range(node.operatorToken) },
        messages.rewriteCompoundAssignment({
          operator: compound,
          name: node.left.text,
          right: node.right.getText(tree),
        }),
      );
    const operator = BINARY.get(node.operatorToken.kind);
    if (!operator) return;
    const [left, right] = [strip(node.left), strip(node.right)];
    // A lone text left of `+` or `-` is a text; a list of texts is columns.
    const names = isNames(left) && (operator === ">>" || ts.isArrayLiteralExpression(left));
    if (
      operator !== ">>" &&
      !names &&
      (isPrimitive(left) || (isPrimitive(right) && !(ts.isStringLiteralLike(right) && operator === "-")))
    )
      return;
    open(node, `${HELPERS[operator]}(`);
    replace(node.operatorToken.getStart(tree), node.operatorToken.end, ",");
    close(node, `, ${site(operator, node, node.left, range(node.right))})`);
    if (names) bindList(left);
    if (operator === "+" && ts.isArrayLiteralExpression(right) && isNames(right)) bindList(right);
  };

  const element = (node: ts.ElementAccessExpression) => {
    const key = node.argumentExpression;
    if (!isNames(strip(key)) && !isNameSequence(key)) return;
    if (node.questionDotToken || node.expression.kind === ts.SyntaxKind.SuperKeyword || isWritten(node)) return;
    const bracket = tree.text.indexOf("[", node.expression.end);
    const line = (offset: number) => tree.getLineAndCharacterOfPosition(offset).line;
    if (line(node.expression.end) !== line(bracket))
      fail(
        { file, start: bracket, end: node.end },
        messages.rewriteBracketOnNewLine({ list: text.slice(bracket, node.end) }),
      );
    const sequence = isNameSequence(key);
    open(node, "$pick(");
    replace(bracket, bracket + 1, sequence ? ",[" : ",");
    const index = site("[]", node, node.expression, range(key));
    // Half typed, `user["ag` ends without its bracket.
    const closed = key.end < node.end && text[node.end - 1] === "]" ? 1 : 0;
    edits.push({
      pos: node.end - closed,
      remove: closed,
      text: sequence ? `], ${index})` : `, ${index})`,
      order: -node.getStart(tree),
      closes: true,
    });
  };

  /** The site as one more argument of `subgraph("user", node)`, `source({ ... })` and `source.fromSchema("path")`. */
  const declaration = (node: ts.CallExpression): boolean => {
    const { expression, arguments: given } = node;
    const isSubgraph = ts.isIdentifier(expression) && expression.text === "subgraph" && given.length === 2;
    if (!isSubgraph && !((isFromSchema(node) || isSource(node)) && given.length === 1)) return false;
    const [first, last] = [given[0]!, given.at(-1)!];
    edits.push({
      pos: last.end,
      remove: 0,
      text: `, ${site("call", node, first, range(isSubgraph ? last : isSource(node) ? node : first))}`,
      order: -last.getStart(tree) + 0.5,
      closes: true,
    });
    return true;
  };

  /** The method form is left as it stands, with the site as one more argument. */
  const call = (node: ts.CallExpression) => {
    if (declaration(node)) return;
    if (
      !ts.isPropertyAccessExpression(node.expression) ||
      !METHODS.has(node.expression.name.text) ||
      node.arguments.length !== 1
    )
      return;
    const argument = node.arguments[0]!;
    const operator = ({ pipe: ">>", plus: "+", minus: "-", pick: "[]" } as const)[node.expression.name.text as "pipe"];
    edits.push({
      pos: argument.end,
      remove: 0,
      text: `, ${site(operator, node, node.expression.expression, range(argument))}`,
      order: -argument.getStart(tree) + 0.5,
      closes: true,
    });
  };

  visit(tree);
  const glued = glue(text, edits);
  const used = ["$chain", "$plus", "$minus", "$pick", "$list", "$lambda"].filter(name =>
    glued.text.includes(`${name}(`),
  );
  // Appended, so that line numbers do not move.
  const imports = used.length ? `\nimport { ${used.join(", ")} } from "merlon";\n` : "";
  return { text: glued.text + imports, spans: glued.spans, sites, lambdas: lambdaList, findings };
}

function glue(text: string, edits: Edit[]): { text: string; spans: Span[] } {
  edits.sort((a, b) => a.pos - b.pos || Number(b.closes) - Number(a.closes) || a.order - b.order);
  const spans: Span[] = [];
  let out = "";
  let at = 0;
  const keep = (to: number) => {
    if (to <= at) return;
    spans.push({ source: at, target: out.length, length: to - at });
    out += text.slice(at, to);
    at = to;
  };
  for (const edit of edits) {
    keep(edit.pos);
    out += edit.text;
    at += edit.remove;
  }
  keep(text.length);
  return { text: out, spans };
}

/** Variables of the file that hold a `source(...)`. */
function sourceVariables(tree: ts.SourceFile): string[] {
  const found: string[] = [];
  for (const statement of tree.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      const made = initializer && strip(initializer);
      if (made && ts.isIdentifier(name) && ts.isCallExpression(made) && (isFromSchema(made) || isSource(made)))
        found.push(name.text);
    }
  }
  return found;
}

/** The variable an expression is (part of) the value of. */
function variableOf(node: ts.Node): string | undefined {
  for (let at: ts.Node | undefined = node; at && !ts.isStatement(at); at = at.parent) {
    if (ts.isVariableDeclaration(at) && ts.isIdentifier(at.name)) return at.name.text;
    if (ts.isFunctionLike(at)) return undefined;
  }
  return undefined;
}

const strip = (node: ts.Expression): ts.Expression =>
  ts.isParenthesizedExpression(node) ||
  ts.isAsExpression(node) ||
  ts.isSatisfiesExpression(node) ||
  ts.isNonNullExpression(node)
    ? strip(node.expression)
    : node;

const isSource = ({ expression }: ts.CallExpression): boolean =>
  ts.isIdentifier(expression) && expression.text === "source";

const isFromSchema = ({ expression }: ts.CallExpression): boolean =>
  ts.isPropertyAccessExpression(expression) &&
  expression.name.text === "fromSchema" &&
  ts.isIdentifier(expression.expression) &&
  expression.expression.text === "source";

const isTag = (node: ts.Expression): boolean =>
  ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === "tag";

/** `"a"`, `["a", "b"]`, `[["a", "b"], "c"]`, `tag("user")`, `[tag("user"), "c"]`. */
const isNames = (node: ts.Expression): boolean =>
  ts.isStringLiteralLike(node) ||
  isTag(node) ||
  (ts.isArrayLiteralExpression(node) && node.elements.every(element => isNames(strip(element))));

/** `"a", "b"` between brackets. */
const isNameSequence = (node: ts.Expression): boolean =>
  ts.isBinaryExpression(node) &&
  node.operatorToken.kind === ts.SyntaxKind.CommaToken &&
  [node.left, node.right].every(side => ts.isStringLiteralLike(side) || isNameSequence(side));

/** Operands that make `+` and `-` plain arithmetic. */
const isPrimitive = (node: ts.Expression): boolean =>
  ts.isStringLiteralLike(node) ||
  ts.isNumericLiteral(node) ||
  ts.isBigIntLiteral(node) ||
  ts.isTemplateExpression(node) ||
  (ts.isPrefixUnaryExpression(node) && isPrimitive(node.operand));

/** `x["a"] = …`, `delete x["a"]`, `x["a"]++`. */
function isWritten(node: ts.ElementAccessExpression): boolean {
  const { parent } = node;
  if (ts.isDeleteExpression(parent) || ts.isPostfixUnaryExpression(parent)) return true;
  if (ts.isPrefixUnaryExpression(parent))
    return parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken;
  return (
    ts.isBinaryExpression(parent) &&
    parent.left === node &&
    parent.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
    parent.operatorToken.kind <= ts.SyntaxKind.LastAssignment
  );
}

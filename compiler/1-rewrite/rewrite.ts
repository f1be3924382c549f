/**
 * Author's text → text that plain TypeScript understands: `a >> b` becomes `$chain(a , b, 3)`. The only file that reads `>>`, `+`, `-` and
 * `[]` as syntax. It inserts glue around verbatim slices and never reprints a token, so that every message maps back.
 */
import * as ts from "../checker/syntax.js";
import { diagnosticAt, type Finding, type Message } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import { closer, type Edit, furtherArgument, glue, opener, replacement } from "./edits.js";
import { findLambdas, type LambdaSite } from "./lambdas.js";
import { isStackOverflow, nestingFaults } from "./nesting.js";
import type { Range, Span } from "./spans.js";
import {
  isFromSchema,
  isNameSequence,
  isNames,
  isPrimitive,
  isSource,
  isWritten,
  sourceVariables,
  strip,
  variableOf,
} from "./syntax.js";

/** The place of an operator: the graph's nodes carry its index, so that a fault found later points at the operand. */
export interface Site {
  readonly operator: ">>" | "+" | "-" | "[]" | "call";
  readonly whole: Range;
  readonly left: Range;
  readonly right: Range;
  /** The variable the expression is assigned to. */
  readonly variable?: string;
}

export interface Rewritten {
  /** The body, and the import of its helpers behind it. */
  readonly text: string;
  readonly body: string;
  /** Names of Merlon's functions that the body calls in place of operators. */
  readonly helpers: readonly string[];
  readonly spans: readonly Span[];
  readonly sites: readonly Site[];
  /** Functions handed to operators; what is inside them stays as it is. */
  readonly lambdas: readonly LambdaSite[];
  readonly findings: readonly Finding[];
  /** Whether there is syntax that plain TypeScript refuses; the method form has none. */
  readonly usesOperators: boolean;
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
const METHODS = new Map<string, Site["operator"]>([
  ["pipe", ">>"],
  ["plus", "+"],
  ["minus", "-"],
  ["pick", "[]"],
]);
const GLUE = ["$chain", "$plus", "$minus", "$pick", "$list", "$lambda", "$place"];
/** Glue that marks functions, which plain TypeScript has too. */
const MARKS = ["$lambda", "$place"];

/** A file while it is rewritten. */
interface Work {
  readonly file: string;
  readonly tree: ts.SourceFile;
  readonly firstSite: number;
  readonly firstLambda: number;
  /** Variables that hold a source. */
  readonly sources: readonly string[];
  /** By the argument that means the function. */
  readonly lambdaArguments: ReadonlyMap<ts.Node, LambdaSite>;
  /** Each function once. */
  readonly lambdas: readonly LambdaSite[];
  readonly edits: Edit[];
  readonly sites: Site[];
  readonly findings: Finding[];
}

/**
 * Rewrites one file. Text without operators is returned with one span that covers it all. So is text that is nested too deeply, with a finding.
 * @param text the author's file
 * @param file its path, for messages
 * @param firstSite index of its first site, where several files share one list; `firstLambda` likewise
 */
export function rewrite(text: string, file: string, firstSite = 0, firstLambda = 0): Rewritten {
  try {
    return rewriteText(text, file, firstSite, firstLambda);
  } catch (error) {
    if (!isStackOverflow(error)) throw error;
    const spans = [{ source: 0, target: 0, length: text.length }];
    const findings = nestingFaults(new Map([[file, text]]), 0);
    return { text, body: text, helpers: [], spans, sites: [], lambdas: [], findings, usesOperators: true };
  }
}

function rewriteText(text: string, file: string, firstSite: number, firstLambda: number): Rewritten {
  const tree = ts.parse(file, text);
  const lambdaArguments = findLambdas(tree);
  const lambdas = [...new Map([...lambdaArguments.values()].map(lambda => [lambda.range.start, lambda])).values()];
  const work: Work = {
    file,
    tree,
    firstSite,
    firstLambda,
    sources: sourceVariables(tree),
    lambdaArguments,
    lambdas,
    edits: [],
    sites: [],
    findings: [],
  };
  const visit = (node: ts.Node): void => {
    if (rewriteNode(work, node)) ts.forEachChild(node, visit);
  };
  visit(tree);
  const { text: body, spans } = glue(text, work.edits);
  const helpers = GLUE.filter(name => body.includes(`${name}(`));
  // Appended, so that line numbers do not move.
  const imports = helpers.length ? `\nimport { ${helpers.join(", ")} } from "merlon";\n` : "";
  const { sites, findings } = work;
  const usesOperators = helpers.some(name => !MARKS.includes(name)) || findings.length > 0;
  return { text: body + imports, body, helpers, spans, sites, lambdas, findings, usesOperators };
}

/** @returns false for a function handed to an operator: what is inside it stays as it is */
function rewriteNode(work: Work, node: ts.Node): boolean {
  const lambda = work.lambdaArguments.get(node);
  if (lambda) rewriteLambda(work, node, lambda);
  if (isLambda(work, node)) return false;
  if (ts.isBinaryExpression(node)) rewriteBinary(work, node);
  else if (ts.isElementAccessExpression(node)) rewriteElement(work, node);
  else if (ts.isCallExpression(node)) rewriteCall(work, node);
  return true;
}

const isLambda = ({ lambdas }: Work, node: ts.Node): boolean =>
  ts.isFunctionLike(node) && lambdas.some(({ range }) => range.start === node.getStart() && range.end === node.end);

const rangeOf = (node: ts.Node): Range => ({ start: node.getStart(), end: node.end });

/** @returns the site's index, which its node carries */
function addSite(work: Work, operator: Site["operator"], whole: ts.Node, left: ts.Node, right: Range): number {
  const variable = variableOf(whole);
  const site = { operator, whole: rangeOf(whole), left: rangeOf(left), right, ...(variable && { variable }) };
  return work.firstSite + work.sites.push(site) - 1;
}

const fail = ({ file, findings }: Work, range: Range, message: Message): void =>
  void findings.push(diagnosticAt({ file, ...range }, message));

/** A list of names denotes columns of the file's only source. */
function bindList(work: Work, list: ts.Node): void {
  const { sources, edits } = work;
  const [only, second] = sources;
  if (!only) fail(work, rangeOf(list), messages.rewriteListWithoutSource({ list: list.getText() }));
  else if (second)
    fail(
      work,
      rangeOf(list),
      messages.rewriteListAmbiguous({
        list: list.getText(),
        sources: sources.map(s => `\`${s}\``).join(" and "),
        first: only,
      }),
    );
  else
    edits.push(opener(list, `$list(${only}, `), closer(list, `, ${addSite(work, "[]", list, list, rangeOf(list))})`));
}

/** An option stays as it is, so that the checker types its parameters by the other options; its place is an option beside it. */
function rewriteLambda(
  { lambdas, firstLambda, edits }: Work,
  argument: ts.Node,
  { range, outer, option }: LambdaSite,
): void {
  const index = firstLambda + lambdas.findIndex(other => other.range.start === range.start);
  const constants = outer.map(name => `${name}: () => ${name}`).join(", ");
  if (option !== undefined) {
    edits.push(closer(argument, `, $${option}: $place(${index}${constants && `, { ${constants} }`})`));
    return;
  }
  edits.push(
    opener(argument, "$lambda("),
    closer(argument, constants ? `, ${index}, { ${constants} })` : `, ${index})`),
  );
}

/** `a >> b`, `a + b`, `a - b`. */
function rewriteBinary(work: Work, node: ts.BinaryExpression): void {
  const { operatorToken: token } = node;
  const compound = COMPOUND.get(token.kind);
  if (compound && !isPrimitive(node.right) && ts.isIdentifier(node.left)) {
    const [name, right] = [node.left.text, node.right.getText()];
    fail(work, rangeOf(token), messages.rewriteCompoundAssignment({ operator: compound, name, right }));
    return;
  }
  const operator = BINARY.get(token.kind);
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
  work.edits.push(
    opener(node, `${HELPERS[operator]}(`),
    replacement(token.getStart(), token.end, ","),
    closer(node, `, ${addSite(work, operator, node, node.left, rangeOf(node.right))})`),
  );
  if (names) bindList(work, left);
  if (operator === "+" && ts.isArrayLiteralExpression(right) && isNames(right)) bindList(work, right);
}

/** `node["a"]`, `node["a", "b"]`. */
function rewriteElement(work: Work, node: ts.ElementAccessExpression): void {
  const { tree } = work;
  const key = node.argumentExpression;
  const isSequence = isNameSequence(key);
  if (!isNames(strip(key)) && !isSequence) return;
  if (node.questionDotToken || node.expression.kind === ts.SyntaxKind.SuperKeyword || isWritten(node)) return;
  const bracket = tree.text.indexOf("[", node.expression.end);
  const line = (offset: number) => tree.getLineAndCharacterOfPosition(offset).line;
  if (line(node.expression.end) !== line(bracket)) {
    const list = tree.text.slice(bracket, node.end);
    fail(work, { start: bracket, end: node.end }, messages.rewriteBracketOnNewLine({ list }));
  }
  const index = addSite(work, "[]", node, node.expression, rangeOf(key));
  // Half typed, `user["ag` ends without its bracket.
  const closed = key.end < node.end && tree.text[node.end - 1] === "]" ? 1 : 0;
  work.edits.push(
    opener(node, "$pick("),
    replacement(bracket, bracket + 1, isSequence ? ",[" : ","),
    closer(node, isSequence ? `], ${index})` : `, ${index})`, closed),
  );
}

function rewriteCall(work: Work, node: ts.CallExpression): void {
  if (!rewriteDeclaration(work, node)) rewriteMethod(work, node);
}

/** The site as one more argument of `subgraph("user", node)`, `source({ ... })` and `source.fromSchema("path")`. */
function rewriteDeclaration(work: Work, node: ts.CallExpression): boolean {
  const { expression, arguments: given } = node;
  const isSubgraph = ts.isIdentifier(expression) && expression.text === "subgraph" && given.length === 2;
  if (!isSubgraph && !((isFromSchema(node) || isSource(node)) && given.length === 1)) return false;
  const [first, last] = [given[0]!, given.at(-1)!];
  const right = isSubgraph ? last : isSource(node) ? node : first;
  work.edits.push(furtherArgument(last, String(addSite(work, "call", node, first, rangeOf(right)))));
  return true;
}

/** The method form, `a.pipe(b)`, is left unchanged, with the site as one more argument. */
function rewriteMethod(work: Work, node: ts.CallExpression): void {
  const { expression, arguments: given } = node;
  const [argument] = given;
  if (!argument || given.length !== 1 || !ts.isPropertyAccessExpression(expression)) return;
  const operator = METHODS.get(expression.name.text);
  if (!operator) return;
  const site = addSite(work, operator, node, expression.expression, rangeOf(argument));
  work.edits.push(furtherArgument(argument, String(site)));
}

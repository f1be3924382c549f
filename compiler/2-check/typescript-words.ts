/**
 * TypeScript's findings about nodes, names and files in our words: common mistakes of new users. Everything else keeps
 * TypeScript's own text.
 */

import { isDType } from "../../triton-protos/datatype.js";
import type { Types } from "../checker/checker.js";
import * as ts from "../checker/syntax.js";
import { didYouMean, listNames, type Message } from "../diagnostics/diagnostic.js";
import { Suggestion, suggest } from "../diagnostics/fixes.js";
import * as messages from "../diagnostics/messages.js";
import * as dsl from "../dsl/index.js";
import { columnsOf, nameOf } from "./operator-call.js";

/** Names that `merlon` exports. */
export const EXPORTS = Object.keys(dsl).filter(name => !name.startsWith("$"));

/** How Merlin's classes are called here. */
const MERLIN: Readonly<Record<string, string>> = {
  PredictTensorflow: "predictOnnx",
  PredictPyTorch: "predictOnnx",
  LambdaOp: "lambdaOp",
  UDF: "lambdaOp",
  Subgraph: "subgraph",
  AddMetadata: "addTags",
  ColumnSelector: "source",
  Dataset: "source",
  LogOp: "logOp",
};

export interface Place {
  readonly types: Types;
  readonly file: ts.SourceFile;
  readonly start: number;
  readonly end: number;
}

export interface Worded {
  readonly message: Message;
  /** The node of the mistake, if it is not TypeScript's position. */
  readonly at?: ts.Node;
}

/** @returns undefined where TypeScript's own text is as good as any */
export function inOurWords(number: number, text: string, place: Place): Worded | undefined {
  const node = nodeAt(place);
  const binary = [2345, 2362, 2363, 2365].includes(number) && node && ancestor(node, ts.isBinaryExpression);
  const wrong =
    binary && (number !== 2345 || binary.getStart(place.file) === place.start) && wrongOperator(binary, place);
  if (wrong) return { message: wrong, at: (binary as ts.BinaryExpression).operatorToken };
  const message = worded(number, text, place, node);
  const at = AT[number]?.(place, message);
  return message && { message, ...(at && { at }) };
}

/** Mistakes that TypeScript reports at several places, and the one that says it best. */
const AT: Readonly<Record<number, (place: Place, message: Message | undefined) => ts.Node | undefined>> = {
  1361: ({ file }) => typeImport(file)?.importClause,
  2323: ({ file }) => file.statements.findLast(ts.isExportAssignment),
  2451: place => declarations(place).at(-1),
  2528: ({ file }) => file.statements.findLast(ts.isExportAssignment),
};

/** `import type { … } from "merlon"`. */
const typeImport = (file: ts.SourceFile): ts.ImportDeclaration | undefined =>
  file.statements
    .filter(ts.isImportDeclaration)
    .find(
      ({ importClause, moduleSpecifier }) =>
        importClause?.isTypeOnly && ts.isStringLiteralLike(moduleSpecifier) && moduleSpecifier.text === "merlon",
    );

/** The file's variables of the name at a place. */
const declarations = ({ file, start, end }: Place): ts.Node[] =>
  file.statements
    .filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => declarationList.declarations.map(({ name }) => name))
    .filter(name => name.getText(file) === file.text.slice(start, end));

/** An operator that nodes do not have. */
function wrongOperator(binary: ts.BinaryExpression, { types, file }: Place): Message | undefined {
  const what = [binary.left, binary.right].map(side => whatIs(types, side)).find(side => side !== undefined);
  const operator = binary.operatorToken.getText(file);
  const areNodes = [binary.left, binary.right].every(side => whatIs(types, side) === "a node");
  return what && messages.typeOperator({ operator, what, way: wayOfOperator(operator, binary, file, areNodes) });
}

/** A mistake in TypeScript's form. */
interface Said {
  readonly number: number;
  readonly text: string;
  /** The first and the second name that the text quotes; `""` without one. */
  readonly quoted: string;
  readonly second: string;
  readonly place: Place;
  readonly node: ts.Node | undefined;
}
type Word = (said: Said) => Message | undefined;

function worded(number: number, text: string, place: Place, node: ts.Node | undefined): Message | undefined {
  const [quoted = "", second = ""] = [...text.matchAll(/'([^']*)'/g)].map(match => match[1]!.replace(/^"|"$/g, ""));
  return WORDS[number]?.({ number, text, quoted, second, place, node });
}

const unknownImport: Word = ({ text, quoted, second }) => {
  const name = quoted === "merlon" ? second : quoted;
  if (!/["']merlon["']/.test(text)) return undefined;
  return messages.typeUnknownImport({
    name,
    suggestion: nearExport(name),
    example: nearExport(name).names[0] ?? "clip",
  });
};

const missingModule: Word = ({ quoted }) => {
  const isNear = !quoted.startsWith(".") && didYouMean(quoted, ["merlon"]) !== "";
  const message = messages.typeModuleMissing({
    module: quoted,
    way: quoted.startsWith(".")
      ? "Correct the path: it is relative to this file."
      : isNear
        ? 'Did you mean `"merlon"`?'
        : "A program imports from `merlon` and from your own files; install a package before importing it.",
  });
  return isNear ? { ...message, replacements: [{ from: quoted, to: "merlon" }] } : message;
};

const wrongArguments: Word = ({ text, node, place }) => {
  const [, given = ""] = /but got (\d+)/.exec(text) ?? [];
  // Too many arguments are a range of them, whose node is the call.
  const call = node && (ts.isCallExpression(node) ? node : callAround(node));
  const callee = call?.expression.getText(place.file) ?? "The function";
  const parameters = call ? (sumOf(place, call) ?? parametersOf(place.types, call)) : undefined;
  return parameters === undefined ? undefined : messages.typeArguments({ name: callee, given, parameters });
};

/** `workflow("ranking", ids, brand)` as it is meant: nodes are one argument, side by side. */
function sumOf({ types, file }: Place, { expression, arguments: [name, ...nodes] }: ts.CallExpression) {
  const callee = expression.getText(file);
  if (!name || !PROGRAMS.has(callee) || nodes.length < 2) return undefined;
  if (nodes.some(node => whatIs(types, node) !== "a node")) return undefined;
  return `${callee}(${[name.getText(file), nodes.map(node => written(node, file)).join(" + ")].join(", ")})`;
}

const PROGRAMS = new Set(["ensemble", "workflow"]);

/** An expression as the author wrote it. Operators inside are calls here, and nothing the author has written. */
const written = (node: ts.Node, file: ts.SourceFile): string => {
  const text = node.getText(file);
  return /\$(chain|plus|minus|pick|list|lambda)\b/.test(text) ? "…" : text;
};

const columnAsProperty: Word = ({ node, place }) => {
  const access = node?.parent;
  if (!access || !ts.isPropertyAccessExpression(access)) return undefined;
  const what = whatIs(place.types, access.expression);
  const left = written(access.expression, place.file);
  const name = access.name.text;
  const isCalled = ts.isCallExpression(access.parent) && access.parent.expression === access;
  const method = isCalled ? (OF_ARRAYS.get(name) ?? (EXPORTS.includes(name) ? `${name}(...)` : undefined)) : undefined;
  if (what && method)
    return messages.typeOperator({
      operator: `.${name}()`,
      what,
      way: `Operators are applied with \`>>\`: \`${left} >> ${method}\`.`,
    });
  if (what !== "a node") return undefined;
  const names = columnsOf(place.types, access.expression)?.map(nameOf) ?? [];
  const near = names.includes(name) ? new Suggestion(name, []) : suggest(name, names);
  const meant = names.includes(name) ? [name] : near.names;
  return {
    ...messages.typeColumnAsProperty({ left, name, suggestion: near }),
    replacements: meant.map(column => ({ write: `[${JSON.stringify(column)}]`, before: "." })),
  };
};

/** Methods of arrays, by which columns are not computed, and operators for them. */
const OF_ARRAYS = new Map([
  ["map", "lambdaOp(x => ...)"],
  ["flatMap", "lambdaOp(x => ...)"],
  ["apply", "lambdaOp(x => ...)"],
  ["forEach", "lambdaOp(x => ...)"],
  ["filter", "filter(row => ...)"],
]);

/** A node where an operator takes its options: `categorify(ids)`. */
const nodeAsArgument: Word = ({ node, place }) => {
  const call = node?.parent;
  if (!node || !call || !ts.isCallExpression(call) || call.arguments[0] !== node) return undefined;
  const operator = call.expression.getText(place.file);
  if (!EXPORTS.includes(operator) || whatIs(place.types, node as ts.Expression) !== "a node") return undefined;
  return messages.typeNodeAsArgument({ operator, way: `${written(node, place.file)} >> ${operator}(...)` });
};

const typeOnly: Word = ({ place }) => {
  const bindings = typeImport(place.file)?.importClause?.namedBindings;
  if (!bindings || !ts.isNamedImports(bindings)) return undefined;
  const text = typeImport(place.file)!.importClause!.getText(place.file);
  return {
    ...messages.typeImportType({ names: listNames(bindings.elements.map(({ name }) => name.text)) }),
    replacements: [{ write: text.replace(/^type\s+/, "") }],
  };
};

const declaredTwice: Word = ({ place }) =>
  declarations(place).length > 1
    ? messages.typeDeclaredTwice({ name: place.file.text.slice(place.start, place.end) })
    : undefined;

const calledNode: Word = ({ node, place }) => {
  const callee = node && callAround(node)?.expression;
  if (!callee) return undefined;
  const what = whatIs(place.types, callee);
  return what && messages.typeCalled({ name: callee.getText(place.file), what, way: WAY_OF_CALL[what] });
};

const columnByExpression: Word = ({ node, place }) => {
  if (!node) return undefined;
  const access = ancestor(node, ts.isElementAccessExpression);
  if (!access || whatIs(place.types, access.expression) !== "a node") return undefined;
  const [left, key] = [access.expression, access.argumentExpression].map(part => written(part, place.file)) as [
    string,
    string,
  ];
  const { parent } = access;
  if (ts.isBinaryExpression(parent) && parent.left === access)
    return messages.typeColumnAssigned({ left, key, name: key.replace(/^["'`]|["'`]$/g, "") });
  return messages.typeColumnComputed({ left, key });
};

const unknownOption: Word = said => {
  const operator = operatorAround(said);
  if (operator === undefined) return undefined;
  const known = optionsSaid(said);
  // A record where a node belongs: the graph says so.
  if (known.length === 0) return undefined;
  return messages.optionUnknown({
    operator,
    option: said.quoted,
    known: listNames([...new Set(known)]),
    suggestion: suggest(said.quoted, known),
  });
};

const wrongOption: Word = said => {
  const ofNode = nodeAsArgument(said);
  if (ofNode) return ofNode;
  const { number, text, node, place } = said;
  const operator = operatorAround(said);
  if (operator === undefined) return undefined;
  const known = optionsSaid(said);
  // Behind other arguments; the graph reports an operator's only one.
  const isSecond = node && ts.isCallExpression(node.parent) && node.parent.arguments.indexOf(node as ts.Expression) > 0;
  if (isSecond && known[0] !== undefined && (ts.isNumericLiteral(node) || ts.isStringLiteralLike(node)))
    return messages.optionRecord({
      operator,
      seen: ts.isNumericLiteral(node) ? `the number ${node.text}` : `the text ${JSON.stringify(node.text)}`,
      example: `{ ${known[0]}: ${node.getText(place.file)} }`,
      known: listNames([...new Set(known)]),
    });
  const property = ancestor(node!, ts.isObjectLiteralElement)?.name?.getText(place.file);
  const reason = text
    .split("\n")
    .at(number === 2769 ? -1 : 0)!
    .trim()
    .replace(/\.$/, "")
    .replaceAll("'", "`");
  return messages.typeOption({ operator, what: property ? `\`${property}\`` : "this", text: `${reason}.` });
};

const severalExports: Word = () => messages.graphExportSeveral({ programs: "with two `export default`" });

/** By TypeScript's number. */
const WORDS: Readonly<Record<number, Word>> = {
  1361: typeOnly,
  2345: nodeAsArgument,
  2451: declaredTwice,
  2304: ({ quoted, place }) => unknownName(quoted, place),
  2552: ({ quoted, place }) => unknownName(quoted, place),
  2305: unknownImport,
  2724: unknownImport,
  2307: missingModule,
  2792: missingModule,
  2580: ({ quoted }) => messages.typeNoNode({ name: quoted }),
  2584: ({ quoted }) => messages.typeNoNode({ name: quoted }),
  2591: ({ quoted }) => messages.typeNoNode({ name: quoted }),
  2554: wrongArguments,
  2555: wrongArguments,
  2339: columnAsProperty,
  2551: columnAsProperty,
  2349: calledNode,
  7053: columnByExpression,
  2353: unknownOption,
  2561: unknownOption,
  2322: wrongOption,
  2559: wrongOption,
  2769: wrongOption,
  2323: severalExports,
  2528: severalExports,
  2448: ({ quoted }) => messages.typeUsedBefore({ name: quoted }),
};

/** The operator of ours in whose call the mistake is. */
function operatorAround({ node, place }: Said): string | undefined {
  const operator = node && ancestor(node, ts.isCallExpression)?.expression.getText(place.file);
  return operator !== undefined && EXPORTS.includes(operator) ? operator : undefined;
}

/** Options that the text lists, or that the place takes. */
function optionsSaid({ text, node, place }: Said): readonly string[] {
  const said = [...text.matchAll(/(?<!\w)(\w+)\??:/g)].map(match => match[1]!);
  return said.length > 0 ? said : optionsAt(place.types, node && ancestor(node, ts.isObjectLiteralExpression));
}

const WAY_OF_CALL = {
  "a node": 'Columns are picked with brackets: `node["price"]`.',
  "an operator": "It is called already: put it right of `>>`.",
} as const;

/** @param areNodes of both sides */
function wayOfOperator(
  operator: string,
  { left, right }: ts.BinaryExpression,
  file: ts.SourceFile,
  areNodes: boolean,
): string {
  if (["&", "&&", ","].includes(operator) && areNodes) return "Put columns side by side with `+`: `left + right`.";
  if (areNodes && /^[*/%]$|^\*\*$|^[<>=!]=+$/.test(operator))
    return `Compute with a function of the row: \`(left + right) >> lambdaOp(row => row.x ${operator} row.y, { name: "z" })\`.`;
  if (["|", ">>>", ">", "||", "&&", "=>"].includes(operator)) return "Operators are applied with `>>`.";
  if (["<<", "<"].includes(operator)) return "Turn it round: `node >> operator(...)`.";
  if (operator === "+" && ts.isStringLiteralLike(right))
    return `Write columns to add as a list: \`+ [${right.getText(file)}]\`.`;
  if (operator === "+" && ts.isStringLiteralLike(left))
    return `Write columns in a list: \`[${left.getText(file)}] + …\`.`;
  const number = [right, left].find(ts.isNumericLiteral)?.text ?? "2";
  return `Compute with a function of the value: \`node >> lambdaOp(x => x ${operator} ${number})\`.`;
}

/**
 * Possible member names of a record if a message has only the name of its type. The record may be a node, whose members are not options.
 */
function optionsAt(types: Types, record: ts.ObjectLiteralExpression | undefined): readonly string[] {
  const expected = record ? types.expectedProperties(record) : [];
  return expected.filter(names => !names.includes("pipe")).flat();
}

/** A name that is not declared: one of ours without its import, one of Merlin's, or any other. */
/** Globals of Node that TypeScript does not know as such. */
const NODE_GLOBALS = new Set(["crypto", "performance", "navigator"]);

function unknownName(name: string, { types, file, start }: Place): Message {
  if (NODE_GLOBALS.has(name)) return messages.typeNoNode({ name });
  const ours = meantExport(name);
  if (ours === name) return { ...messages.typeNotImported({ name }), replacements: [{ imported: name }] };
  if (ours?.toLowerCase() === name.toLowerCase() && isImported(file, ours))
    return messages.typeUnknownName({ name, suggestion: new Suggestion(name, [ours]) });
  if (ours) return messages.typeUnknownImport({ name, suggestion: new Suggestion(name, [ours]), example: ours });
  const quoted = () => ({
    ...messages.typeUnknownName({ name, suggestion: ` Did you mean \`"${name}"\`, in quotes?` }),
    replacements: [{ write: JSON.stringify(name) }],
  });
  if (isDType(name)) return quoted();
  const node = nodeAt({ file, start, end: start + name.length });
  const visible = node ? types.variablesAt(node).filter(other => !other.startsWith("$")) : [];
  const near = suggest(name, visible);
  if (node && near.names.length === 0 && isTextPlace(types, node)) return quoted();
  return messages.typeUnknownName({ name, suggestion: suggest(name, [...visible, ...EXPORTS]) });
}

const isImported = (file: ts.SourceFile, name: string): boolean =>
  file.statements.some(
    statement =>
      ts.isImportDeclaration(statement) &&
      statement.importClause?.namedBindings !== undefined &&
      ts.isNamedImports(statement.importClause.namedBindings) &&
      statement.importClause.namedBindings.elements.some(element => element.name.text === name),
  );

/** Whether a text belongs in the place of a name: a column in brackets, and a path or a column that an operator takes first. */
function isTextPlace(types: Types, node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isElementAccessExpression(parent)) return parent.argumentExpression === node;
  if (ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.CommaToken)
    return isTextPlace(types, parent);
  if (ts.isArrayLiteralExpression(parent)) return ts.isElementAccessExpression(parent.parent);
  if (!ts.isCallExpression(parent) || parent.arguments[0] !== node) return false;
  return TEXTS_FIRST.has(types.parameterNames(parent.expression)?.[0] ?? "");
}

const TEXTS_FIRST = new Set(["path", "repository", "itemColumn"]);

/** The export that a name means: itself, Merlin's word for it, or its other spelling. */
const meantExport = (name: string): string | undefined =>
  EXPORTS.find(known => known === name) ??
  MERLIN[name] ??
  EXPORTS.find(known => known.toLowerCase() === name.toLowerCase().replaceAll("_", ""));

const nearExport = (name: string): Suggestion => {
  const meant = meantExport(name);
  return meant ? new Suggestion(name, [meant]) : suggest(name, EXPORTS);
};

function whatIs(types: Types, node: ts.Expression): keyof typeof WAY_OF_CALL | undefined {
  const name = types.typeName(node);
  return name === "Node" ? "a node" : name === "Op" ? "an operator" : undefined;
}

function parametersOf(types: Types, call: ts.CallExpression): string | undefined {
  const names = types.parameterNames(call.expression)?.filter(name => name !== "site");
  return names && `${call.expression.getText()}(${names.join(", ")})`;
}

const callAround = (node: ts.Node): ts.CallExpression | undefined =>
  ancestor(node, (at): at is ts.CallExpression => ts.isCallExpression(at) && at.expression.end >= node.end);

function ancestor<T extends ts.Node>(node: ts.Node, is: (node: ts.Node) => node is T): T | undefined {
  for (let at: ts.Node | undefined = node; at && !ts.isStatement(at); at = at.parent) if (is(at)) return at;
  return undefined;
}

/** The innermost node at a message's position. */
function nodeAt({ file, start, end }: Omit<Place, "types">): ts.Node | undefined {
  let found: ts.Node | undefined;
  const visit = (node: ts.Node): void => {
    if (node.getStart(file) > start || node.end < end) return;
    found = node;
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

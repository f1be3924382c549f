/**
 * TypeScript's syntax, as far as the compiler reads it: the parser, the kinds of nodes and their guards. `import * as ts` from here. The list
 * is complete on purpose: it is what another parser has to provide.
 */
import { ScriptTarget, ts } from "ts-morph";

export { NodeFlags, SyntaxKind } from "ts-morph";

/** A text's tree, whose nodes know their parents; a syntax error leaves gaps in it. @throws RangeError for thousands of nested levels */
export const parse = (path: string, text: string): SourceFile =>
  ts.createSourceFile(path, text, ScriptTarget.Latest, true);

/** The modules that a text imports, found without its tree: nesting takes no stack. */
export const importsOf = (text: string): readonly string[] =>
  ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);

export const {
  forEachChild,
  isArrayBindingPattern,
  isArrayLiteralExpression,
  isArrowFunction,
  isAsExpression,
  isAwaitExpression,
  isBigIntLiteral,
  isBinaryExpression,
  isBindingElement,
  isBlock,
  isCallExpression,
  isClassDeclaration,
  isConditionalExpression,
  isDeleteExpression,
  isElementAccessExpression,
  isEmptyStatement,
  isEnumDeclaration,
  isExportAssignment,
  isExportDeclaration,
  isExpressionStatement,
  isForOfStatement,
  isForStatement,
  isFunctionDeclaration,
  isFunctionExpression,
  isFunctionLike,
  isIdentifier,
  isIfStatement,
  isImportClause,
  isImportDeclaration,
  isImportSpecifier,
  isImportTypeNode,
  isInterfaceDeclaration,
  isLeftHandSideExpression,
  isLiteralTypeNode,
  isNamedImports,
  isNamespaceImport,
  isNewExpression,
  isNonNullExpression,
  isNumericLiteral,
  isObjectLiteralElement,
  isObjectLiteralExpression,
  isParameter,
  isParenthesizedExpression,
  isPostfixUnaryExpression,
  isPrefixUnaryExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isPropertySignature,
  isRegularExpressionLiteral,
  isReturnStatement,
  isSatisfiesExpression,
  isSpreadElement,
  isStatement,
  isStringLiteral,
  isStringLiteralLike,
  isTemplateExpression,
  isTypeNode,
  isTypeOfExpression,
  isVariableDeclaration,
  isVariableStatement,
  isWhileStatement,
  tokenToString,
} = ts;

export type ArrayLiteralExpression = ts.ArrayLiteralExpression;
export type ArrowFunction = ts.ArrowFunction;
export type BigIntLiteral = ts.BigIntLiteral;
export type BinaryExpression = ts.BinaryExpression;
export type CallExpression = ts.CallExpression;
export type ConciseBody = ts.ConciseBody;
export type ConditionalExpression = ts.ConditionalExpression;
export type ElementAccessExpression = ts.ElementAccessExpression;
export type Expression = ts.Expression;
export type FunctionDeclaration = ts.FunctionDeclaration;
export type FunctionExpression = ts.FunctionExpression;
export type Identifier = ts.Identifier;
export type IfStatement = ts.IfStatement;
export type ImportDeclaration = ts.ImportDeclaration;
export type MemberName = ts.MemberName;
export type NewExpression = ts.NewExpression;
export type Node = ts.Node;
export type NumericLiteral = ts.NumericLiteral;
export type ObjectLiteralExpression = ts.ObjectLiteralExpression;
export type PrefixUnaryExpression = ts.PrefixUnaryExpression;
export type PropertyAccessExpression = ts.PropertyAccessExpression;
export type PropertyName = ts.PropertyName;
export type SourceFile = ts.SourceFile;
export type Statement = ts.Statement;
export type StringLiteralLike = ts.StringLiteralLike;
export type TemplateExpression = ts.TemplateExpression;
export type VariableStatement = ts.VariableStatement;
export type NodeArray<T extends Node> = ts.NodeArray<T>;

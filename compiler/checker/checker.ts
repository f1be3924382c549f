/**
 * The parts of TypeScript's checker that the compiler uses, as plain records. `index.ts` names the implementation; only this folder imports a
 * TypeScript. Nodes are handles of the tree that `Project.tree` returned: the compiler reads their syntax and hands them back.
 */
import type { CallExpression, Expression, Node, ObjectLiteralExpression, SourceFile } from "./syntax.js";

/** An error of the parser or the checker. */
export interface TypeScriptError {
  /** Offsets in the text that the project holds. */
  readonly start: number;
  readonly end: number;
  /** `2345` of `TS2345`. */
  readonly code: number;
  /** The message and its chain, a line each. */
  readonly text: string;
}

/** Types of expressions, by name or as the texts of literal types. */
export interface Types {
  /** The name of a type's declaration, such as `Node`; undefined for unions and for types without a name. */
  typeName(expression: Expression): string | undefined;
  /**
   * The string literals of a property's type, and templates by their pattern (`int64[${number}] seen`).
   * @returns an empty list for `never`; undefined without the property, or if its type has no text
   */
  propertyTexts(expression: Expression, property: string): readonly string[] | undefined;
  /** The string literals of a parameter's type in the overload that the call resolves to; undefined without that parameter. */
  parameterTexts(call: CallExpression, index: number): readonly string[] | undefined;
  /** Parameter names of the first call signature. */
  parameterNames(callee: Expression): readonly string[] | undefined;
  /** Property names of each type that a record may have where it is. */
  expectedProperties(record: ObjectLiteralExpression): readonly (readonly string[])[];
  /** Variables in scope that the node's file declares. */
  variablesAt(node: Node): readonly string[];
}

/** A program's file with all that it imports. */
export interface Project {
  readonly entry: string;
  /** Texts of the author's files by path: neither declarations nor packages. */
  texts(): ReadonlyMap<string, string>;
  /** Replaces a file's text, or adds a file. Trees, errors and types of before are invalid afterwards. */
  write(path: string, text: string): void;
  tree(path: string): SourceFile;
  errors(path: string): readonly TypeScriptError[];
  types(): Types;
  /** Ends its use: the declarations that it read may serve the next project. */
  close(): void;
}

export interface JavaScript {
  readonly text: string;
  /** JSON of the source map. */
  readonly map: string | undefined;
}

/** The exports of an implementation. */
export interface Checker {
  /** Reads a file and its imports. @throws if it does not exist */
  openProject(entry: string): Project;
  /** The first syntax error of a text, inside the text. */
  syntaxError(path: string, text: string): TypeScriptError | undefined;
  /** JavaScript of one module, without its types. */
  toJavaScript(path: string, text: string): JavaScript;
}

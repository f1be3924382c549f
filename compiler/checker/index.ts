/**
 * The checker in use: TypeScript 6 by ts-morph. README.md has what TypeScript 7 lacks.
 */
import type { Checker } from "./checker.js";
import * as typescript6 from "./typescript-6.js";

export type { JavaScript, Project, TypeScriptError, Types } from "./checker.js";
export const { openProject, syntaxError, toJavaScript }: Checker = typescript6;

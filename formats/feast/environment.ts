/**
 * Environment variables in a `feature_store.yaml`: Feast expands them before it parses. Their values are secrets here, and messages show the
 * names.
 */
import { Secret } from "../../contract/secret.js";

const REFERENCE = /\$\{(\w+)\}|\$(\w+)/g;

/** Shorter values, such as a number of a database, are in too many words. */
const SHORTEST_HIDDEN = 4;

export interface Expanded {
  readonly text: string;
  /** The values that were put in, each with its name. */
  readonly hidden: readonly Secret[];
}

export function expandEnvironment(text: string): Expanded {
  const hidden = new Map<string, Secret>();
  const expanded = text.replace(REFERENCE, (whole, braced: string | undefined, bare: string | undefined) => {
    const name = (braced ?? bare)!;
    const value = process.env[name];
    if (value !== undefined && value.length >= SHORTEST_HIDDEN) hidden.set(name, new Secret(value, `\${${name}}`));
    return value ?? whole;
  });
  return { text: expanded, hidden: [...hidden.values()] };
}

/** Whether a text is made of references alone. */
export const isReference = (text: string): boolean => text !== "" && text.replace(REFERENCE, "") === "";

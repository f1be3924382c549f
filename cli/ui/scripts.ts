/** The scripts of the page: its own modules, and those of the graph, which the page of `merlon explain` has as well. */
import { readFileSync } from "node:fs";

/** `page` and the modules that it imports. */
const OWN_SCRIPTS = [
  "answer",
  "chart",
  "elements",
  "figures",
  "form",
  "in-order",
  "overview",
  "page",
  "picture",
  "requests",
  "server-calls",
  "state",
  "story",
  "tabs",
  "tensor-codec",
  "tensor-table",
  "tensor-text",
];
/** They import nothing, and find the graph in the document. */
export const SHARED_SCRIPTS = ["mini-map", "viewport", "theme"] as const;

/** @returns undefined for another name */
export function readScript(name: string): string | undefined {
  if (OWN_SCRIPTS.includes(name)) return readFileSync(new URL(`./page/${name}.js`, import.meta.url), "utf8");
  if ((SHARED_SCRIPTS as readonly string[]).includes(name))
    return readFileSync(new URL(`../../compiler/explain/page/${name}.js`, import.meta.url), "utf8");
  return undefined;
}

/** A model file of XGBoost (JSON, UBJSON) or LightGBM (text) → a forest. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { checkForest, type Forest, ForestFileError } from "./forest.js";
import { readLightgbm } from "./read-lightgbm.js";
import { readXgboost } from "./read-xgboost.js";
import { parseUbjson } from "./ubjson.js";

/** @throws ForestFileError */
export function readForest(file: string): Forest {
  const where = basename(file);
  const forest = parseForest(file, where);
  checkForest(forest, where);
  return forest;
}

function parseForest(file: string, where: string): Forest {
  const bytes = readFileSync(file);
  const head = bytes.subarray(0, 64).toString("latin1").trimStart();
  if (head.startsWith("tree")) return readLightgbm(bytes.toString("utf8"), where);
  if (!head.startsWith("{"))
    throw new ForestFileError(
      `${file} is not a model file of XGBoost (\`save_model\`, JSON or UBJSON) or LightGBM (\`save_model\`, text).`,
    );
  let document: unknown;
  try {
    // JSON has a quote, a brace or space after the first brace; UBJSON a type.
    document = /^\{\s*["}]/.test(head) ? parseJson(bytes.toString("utf8")) : parseUbjson(bytes);
  } catch (error) {
    throw new ForestFileError(`${file} is not a whole model: ${(error as Error).message}. Save it again.`);
  }
  return readXgboost(document, where);
}

/** XGBoost writes numbers that JSON has no word for, NaN where a node needs none (1.5 to 3.0). NaN is read as null. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = replaceOutsideStrings(text, part =>
      part.replace(/\bNaN\b|\bInfinity\b/g, word => (word === "NaN" ? "null" : "1e999")),
    );
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}

/**
 * Changes the parts between the strings of a JSON text, in one pass: a regular expression for strings takes quadratic time for an
 * unterminated one.
 */
function replaceOutsideStrings(json: string, change: (part: string) => string): string {
  const parts: string[] = [];
  for (let at = 0; at < json.length; ) {
    const quote = json.indexOf('"', at);
    if (quote === -1) {
      parts.push(change(json.slice(at)));
      break;
    }
    let end = quote + 1;
    while (end < json.length && json[end] !== '"') end += json[end] === "\\" ? 2 : 1;
    parts.push(change(json.slice(at, quote)), json.slice(quote, end + 1));
    at = end + 1;
  }
  return parts.join("");
}

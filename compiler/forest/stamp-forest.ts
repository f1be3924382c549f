/** Notes the columns of training in a model file of XGBoost (JSON) or LightGBM (text). The rest stays as it is. */
import { TRAINED_ON } from "../../formats/merlin-schema/trained-on.js";
import { ForestFileError } from "./forest.js";
import { NOTE } from "./read-lightgbm.js";

/** XGBoost's attributes are strings. */
const ATTRIBUTES = /("attributes"\s*:\s*)(\{(?:\s*"(?:[^"\\]|\\.)*"\s*:\s*"(?:[^"\\]|\\.)*"\s*,?)*\s*\})/;

/** @param note JSON text @throws ForestFileError for UBJSON */
export function stampForest(file: Uint8Array, note: string, where: string): string {
  const text = Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString("utf8");
  if (text.trimStart().startsWith("tree")) return `${text.replace(NOTE, "").trimEnd()}\n${TRAINED_ON}=${note}\n`;
  if (!/^\s*\{\s*"/.test(text) || !ATTRIBUTES.test(text))
    throw new ForestFileError(
      `${where} cannot be stamped: only XGBoost's JSON and LightGBM's text can. Save it as JSON, or call \`booster.set_attr(**{"${TRAINED_ON}": ...})\` before \`save_model\`.`,
    );
  return text.replace(
    ATTRIBUTES,
    (_, key: string, attributes: string) =>
      `${key}${JSON.stringify({ ...(JSON.parse(attributes) as object), [TRAINED_ON]: note })}`,
  );
}

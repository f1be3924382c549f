/**
 * A feature value → the text that Feast's SQLite store keeps beside it.
 */

import type { FeastScalar } from "../../../formats/feast/encode-feast-value.js";
import { type FeastType, feastType } from "../../../formats/feast/feast-type.js";

/** Feast's text of a scalar for text search: Python's `str` of it. */
export function valueText(type: FeastType, value: FeastScalar | ArrayLike<FeastScalar> | null): string | null {
  const { list, dtype, number } = feastType(type);
  // For the later types Feast stores no text.
  if (value === null || list || number < 2 || number > 7) return null;
  if (dtype === "bool") return value ? "True" : "False";
  if (dtype === "float32") return pythonFloat(Math.fround(Number(value)));
  return dtype === "float64" ? pythonFloat(Number(value)) : String(value);
}

/** Python's `repr` of a float: the same shortest digits as JavaScript's, with other limits for the exponent form. */
function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (power < -4 || power >= 16) return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  const plain = String(value);
  return plain.includes(".") ? plain : `${plain}.0`;
}

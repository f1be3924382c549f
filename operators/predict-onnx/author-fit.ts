/** Checks that a model and the workflow before it are from one fit: ids of another are other rows of its tables, or beyond them. */
import * as messages from "../../compiler/diagnostics/messages.js";
import type { JsonValue } from "../../contract/schema.js";
import type { OnnxSignature } from "../../formats/onnx/onnx.js";
import type { Bound } from "../shared/author/bound.js";
import type { Call } from "../shared/author/define-op.js";

type Faults = Pick<Call<unknown>, "fail">;

/** A tensor, and the column that it takes. */
export interface Tied {
  readonly tensor: string;
  readonly bound: Bound;
}

/** Ids of another fit are other values: false, and reported, where a column has not the ids that the model was trained on. */
export function sameFit({ fail }: Faults, path: string, bound: readonly Tied[], signature: OnnxSignature): boolean {
  const { cardinalities = {}, vocabularies = {} } = signature;
  for (const { tensor, bound: binding } of bound) {
    // The model's own name of the column: that of the tensor, whatever column is bound to it here.
    const column = tensor.replace(/__values$/, "");
    const trained = ownOf(cardinalities, column);
    const { name, properties } = binding.column;
    const max = domainMax(properties.domain);
    if (trained === undefined || max === undefined) continue;
    const seen =
      max + 1 === trained ? otherValues(ownOf(vocabularies, column), properties.vocabulary_sum) : String(max + 1);
    if (seen === undefined) continue;
    fail(messages.onnxOtherFit({ path, trained: String(trained), column: name, seen }), { literal: path });
    return false;
  }
  return true;
}

/** Whether every id that a column may hold is in the table that the graph looks it up in; reports one that is not. */
export function tablesHold(
  { fail }: Faults,
  path: string,
  bound: readonly Tied[],
  { lookUps = [] }: OnnxSignature,
): boolean {
  for (const { input, table, rows } of lookUps) {
    const column = bound.find(({ tensor }) => tensor === input)?.bound.column;
    const largest = domainMax(column?.properties.domain);
    if (!column || largest === undefined || largest < rows) continue;
    fail(messages.onnxTableSmall({ path, column: column.name, table, rows, largest, needed: largest + 1 }), {
      literal: path,
    });
    return false;
  }
  return true;
}

/** A column may be called `constructor`. */
const ownOf = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** As many ids of other values; undefined where they are the same, or where one side is older than these checksums. */
function otherValues(trained: string | undefined, seen: JsonValue | undefined): string | undefined {
  if (trained === undefined || typeof seen !== "string" || trained === seen) return undefined;
  return `as many for other values (vocabulary ${short(seen)}, and the model's is ${short(trained)})`;
}

const short = (sum: string): string => sum.slice(0, "sha256:".length + 12);

const domainMax = (domain: JsonValue | undefined): number | undefined =>
  typeof domain === "object" && domain !== null && !Array.isArray(domain) && typeof domain.max === "number"
    ? domain.max
    : undefined;

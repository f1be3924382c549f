/**
 * `categorify` in SQL. How an id is found is the vocabulary table's business; tuples go through the kernel.
 */
import { encodings } from "../../../triton-protos/categorify-columns.js";
import type { Step } from "../../../triton-protos/plan.js";
import { hashOf } from "./hash-bucket.js";
import { throughKernel } from "./kernel-function.js";
import { sqlType } from "./literal.js";
import type { SqlForm } from "./sql-form.js";

export const categorify: SqlForm<"categorify"> = (step, inputs, context) => {
  const { params } = step;
  if (params.encodeType === "combo" || params.nvtabularHash) return throughKernel(step, inputs, context);
  const names = step.inputs.input!.map(ref => ref.name);
  return encodings(params, names).map(({ output, numBuckets }, i) => {
    const col = inputs[i]!;
    const named = { ...col, name: output };
    const { nullId, first, known } = idLayout(step, output, numBuckets);
    const typed = (v: string) => `CAST(${v} AS ${sqlType(params.outDtype)})`;
    const bucket = (hash: string) => `${first} + CAST(${hash} % ${numBuckets} AS BIGINT)`;
    if (!col.list) {
      const id = context.id(step.id, named);
      return numBuckets === 1
        ? `coalesce(${id}, ${typed(String(first))})`
        : `coalesce(${id}, ${typed(bucket(hashOf(col).sql))})`;
    }
    const ofItem = (v: string, outOfVocabulary: string) =>
      typed(
        `CASE WHEN ${v} IS NULL THEN ${nullId} ELSE coalesce(${known} + CAST(${context.place(step.id, named, v)} AS BIGINT), ${outOfVocabulary}) END`,
      );
    if (numBuckets === 1) return `list_transform(${col.sql}, lambda v: ${ofItem("v", String(first))})`;
    return `list_transform(list_zip(${col.sql}, ${hashOf(col).sql}), lambda v: ${ofItem("v[1]", bucket("v[2]"))})`;
  });
};

/** Ids of null, of the first bucket outside the vocabulary, and of the vocabulary's first value. */
export function idLayout(
  step: Step<"categorify">,
  output: string,
  numBuckets: number,
): { readonly nullId: number; readonly first: number; readonly known: number } {
  const offset = step.state?.columns[output]?.offset ?? 0;
  return { nullId: 1 + offset, first: 2 + offset, known: 2 + numBuckets + offset };
}

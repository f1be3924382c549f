/**
 * Warm-up samples → `model_warmup` of a configuration, and the files with their values. A sample is one row of the request.
 */

import { entryColumn } from "../../../contract/column-tensors.js";
import { type ColumnSchema, isRagged, printType, type Schema } from "../../../contract/schema.js";
import { artefactName } from "../../../operators/shared/author/artefact-name.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import type { ModelConfigInit } from "../../../triton-protos/model-config.js";
import { didYouMean, listNames } from "../../diagnostics/diagnostic.js";
import type { Settings } from "./read-settings.js";

type Sample = Settings["warmup"][number];
type Value = number | bigint | string | boolean;

export interface WarmUpFiles {
  readonly config: NonNullable<ModelConfigInit["model_warmup"]>;
  /** By name in the model's `warmup` folder. */
  readonly files: readonly { readonly to: string; readonly bytes: Uint8Array }[];
}

const labelOf = ({ name }: Sample, i: number): string => name ?? `sample ${i + 1}`;

/** @param batched whether the entry has a batch dimension: a sample's shape is then without it */
export function warmUp(samples: readonly Sample[], inputs: Schema, batched: boolean): WarmUpFiles {
  const files: { to: string; bytes: Uint8Array }[] = [];
  const config = samples.map((sample, i) => {
    const label = labelOf(sample, i);
    const file = (tensor: string, dtype: DType, values: readonly Value[]): string => {
      const to = artefactName(`${label}.${tensor}`);
      files.push({ to, bytes: encode(dtype, values) });
      return to;
    };
    const tensors = inputs.flatMap(col => {
      const values = valuesOf(col, sample.inputs[col.name]);
      return entryColumn(col, batched ? "batched" : "unbatched").map(({ name, dtype, part, dims }) => {
        const data = part === "offsets" ? [0, values.length] : values;
        const length = isRagged(col) ? data.length : 1;
        const shape = dims.map(d => (d === -1 ? length : d));
        return [
          name,
          { data_type: datatype(dtype).config, dims: shape, input_data_file: file(name, dtype, data) },
        ] as const;
      });
    });
    return {
      name: label,
      batch_size: batched ? sample.batchSize : 1,
      inputs: Object.fromEntries(tensors),
      count: sample.count,
    };
  });
  return { config, files };
}

/** Describes faults of samples, given the request's columns. */
export function warmUpProblems(samples: readonly Sample[], inputs: Schema): string[] {
  return samples.flatMap((sample, i) => {
    const problem = (text: string) => `\`warmup\`: "${labelOf(sample, i)}" ${text}`;
    return Object.entries(sample.inputs).flatMap(([name, given]) => {
      const col = inputs.find(c => c.name === name);
      if (!col) {
        const names = inputs.map(c => c.name);
        return problem(
          `gives \`${name}\`, which the request has not. It has ${listNames(names)}.${didYouMean(name, names)}`,
        );
      }
      const values = Array.isArray(given) ? given : [given];
      const length = col.list ? (isRagged(col) ? undefined : col.list.min) : 1;
      if (Array.isArray(given) !== !!col.list || (length !== undefined && values.length !== length))
        return problem(
          `gives \`${name}\` ${Array.isArray(given) ? `${values.length} values` : "one value"}, and a row of it is ${printType(col)}`,
        );
      const bad = values.find(v => !fits(col.dtype, v));
      return bad === undefined
        ? []
        : problem(
            `gives \`${name}\` ${typeof bad === "bigint" ? `${bad}n` : JSON.stringify(bad)}, and it is ${col.dtype}`,
          );
    });
  });
}

function fits(dtype: DType, value: Value): boolean {
  const { kind, array } = datatype(dtype);
  if (kind === "string") return typeof value === "string";
  if (kind === "bool") return typeof value === "boolean";
  if (typeof value !== "number" && typeof value !== "bigint") return false;
  if (kind === "float") return array !== Uint16Array && typeof value === "number";
  if (typeof value === "number" && !Number.isSafeInteger(value)) return false;
  return BigInt(numbers(dtype, [value])[0]!) === BigInt(value);
}

function valuesOf(col: ColumnSchema, given: Value | readonly Value[] | undefined): readonly Value[] {
  if (given !== undefined) return Array.isArray(given) ? given : [given as Value];
  const { kind } = datatype(col.dtype);
  return Array<Value>(col.list ? col.list.min : 1).fill(kind === "string" ? "" : kind === "bool" ? false : 0);
}

/** As a tensor has them: little-endian, texts with their length in front. */
function encode(dtype: DType, values: readonly Value[]): Uint8Array {
  if (datatype(dtype).kind !== "string") {
    const array = numbers(dtype, values);
    return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  }
  return Buffer.concat(
    values.flatMap(value => {
      const text = Buffer.from(String(value));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      return [length, text];
    }),
  );
}

function numbers(dtype: DType, values: readonly Value[]) {
  const made = new (datatype(dtype).array!)(values.length);
  const cells = made as { [i: number]: unknown };
  for (const [i, value] of values.entries())
    cells[i] = made instanceof BigInt64Array || made instanceof BigUint64Array ? BigInt(value) : Number(value);
  return made;
}

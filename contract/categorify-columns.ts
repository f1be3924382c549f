/**
 * A categorify step's parameters → which vocabulary each of its outputs is encoded with. A group has one vocabulary: of the values of all its
 * columns (`joint`), or of the tuples that they make (`combo`).
 */
import type { OpParams } from "./op-params.js";

type Params = OpParams["categorify"];

export interface Encoding {
  /** Name of the output column. */
  readonly output: string;
  /** Input columns it is made of: one, or those of a tuple. */
  readonly columns: readonly string[];
  /** Name of the vocabulary: the column's, or the group's columns joined, `a_b`. */
  readonly vocabulary: string;
  readonly numBuckets: number;
}

/** @param inputs names of the step's input columns, in order */
export function encodings(params: Params, inputs: readonly string[]): readonly Encoding[] {
  const encoding = (output: string, columns: readonly string[], vocabulary: string): Encoding => ({
    output,
    columns,
    vocabulary,
    numBuckets: optionOf(params.numBuckets, vocabulary, 1),
  });
  if (params.encodeType === "combo")
    return params.groups.map(group => encoding(group.join("_"), group, group.join("_")));
  return inputs.map(name => {
    const group = params.groups.find(columns => columns.includes(name)) ?? [name];
    return encoding(name, [name], group.join("_"));
  });
}

/** Reads an option of a vocabulary: a number for all, or one by name. */
export const optionOf = (
  option: number | Readonly<Record<string, number>>,
  vocabulary: string,
  none: number,
): number => (typeof option === "number" ? option : (option[vocabulary] ?? none));

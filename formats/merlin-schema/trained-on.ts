/**
 * The columns that a model was trained on: the text that `merlon-lab` and `merlon stamp` write into a model's file under `merlin.schema`. It
 * is a JSON list of columns. `name` is the model's own name of the column, so that it says which input has which vocabulary.
 */
import { z } from "zod";

/** The key of the text, in the metadata of an ONNX file and the attributes of an XGBoost model. */
export const TRAINED_ON = "merlin.schema";

export interface TrainedOn {
  /** Ids of each categorical column at training; absent in files without them. */
  readonly cardinalities?: Readonly<Record<string, number>>;
  /** The same of `vocabulary_sum`, which the fit gave each of them; older files have none. */
  readonly vocabularies?: Readonly<Record<string, string>>;
}

/** A checksum that is none leaves the number of ids to compare. */
const checksum = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .nullish()
  .catch(undefined);
const columns = z.array(z.looseObject({ name: z.string(), cardinality: z.number().nullable(), vocabulary: checksum }));

/** The entry of one column; other keys of `merlon-lab` stay as they are. */
export type TrainedColumn = z.output<typeof columns>[number];

/** Other tools may write another text there: it then has no columns. */
export function readTrained(text: string): readonly TrainedColumn[] {
  try {
    return columns.parse(JSON.parse(text));
  } catch {
    return [];
  }
}

export const trainedOn = (trained: readonly TrainedColumn[]): TrainedOn =>
  trained.length === 0
    ? {}
    : {
        cardinalities: Object.fromEntries(
          trained.flatMap(({ name, cardinality }) => (cardinality ? [[name, cardinality]] : [])),
        ),
        vocabularies: Object.fromEntries(
          trained.flatMap(({ name, vocabulary }) => (vocabulary ? [[name, vocabulary]] : [])),
        ),
      };

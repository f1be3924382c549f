/** A batch → one message for each of its rows: a JSON object with the columns of the Parquet files. Its key is the id of the request. */
import { EXPOSURE_FORMAT } from "../../../../contract/exposures.js";
import type { Texts } from "../../../../formats/tables/parquet-page.js";
import type { Batch, LoggedModel } from "../batch.js";
import { columnsOf, valuesOf } from "../encode-batch.js";
import { jsonCells } from "./json-cells.js";

export interface Message {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The headers of each message of a model. */
export const headersOf = ({ model, plan }: Pick<LoggedModel, "model" | "plan">): Readonly<Record<string, string>> => ({
  "merlon-format": String(EXPOSURE_FORMAT),
  "merlon-model": model,
  "merlon-plan": plan,
});

/** In the order of the rows. Values are made as they are read, since those of a list are repeated in each of its rows. */
export function* messagesOf(model: LoggedModel, batch: Batch, salt: Uint8Array | undefined): Generator<Message> {
  const values = valuesOf(model, batch, salt);
  const cells = columnsOf(model).map((column, i) => ({
    name: `${i === 0 ? "{" : ","}${JSON.stringify(column.name)}:`,
    next: jsonCells(column, values[i]!),
  }));
  for (const { key, count } of keysOf(batch.requestIds, batch.counts))
    for (let row = 0; row < count; row++) {
      let text = "";
      for (const { name, next } of cells) text += name + next();
      yield { key, value: Buffer.from(`${text}}`) };
    }
}

function* keysOf(
  { bytes, lengths }: Texts,
  counts: Int32Array,
): Generator<{ readonly key: Buffer; readonly count: number }> {
  let at = 0;
  for (let i = 0; i < counts.length; i++) {
    const key = Buffer.from(bytes.subarray(at, at + lengths[i]!));
    at += lengths[i]!;
    yield { key, count: counts[i]! };
  }
}

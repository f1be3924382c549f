/** The lists of one model since its last batch. */
import type { Column } from "../../base/columns/table.js";
import { type Batch, type LoggedModel, sourceBytes } from "./batch.js";
import { Growing, GrowingTexts } from "./growing.js";
import { copyNumber, KeptValues } from "./kept-values.js";

const int32s = () => new Growing(length => new Int32Array(length));
const doubles = () => new Growing(length => new Float64Array(length));
const wide = () => new Growing(length => new BigInt64Array(length));

/** The parts of a list beside its candidates. */
export interface ListHead {
  /** Not empty. */
  readonly requestId: string;
  readonly requestRow: number;
  /** Microseconds since 1970. */
  readonly time: number;
  readonly seed: bigint;
}

export class ListBuilder {
  readonly #ids = new GrowingTexts();
  readonly #requestRows = int32s();
  readonly #arms = new GrowingTexts();
  readonly #times = doubles();
  readonly #seeds = wide();
  readonly #listPropensities = doubles();
  readonly #counts = int32s();
  readonly #items: ReturnType<typeof wide> | GrowingTexts;
  readonly #positions = int32s();
  readonly #scores = doubles();
  readonly #propensities = doubles();
  readonly #sources = new Growing(length => new Uint8Array(length));
  readonly #kept: readonly KeptValues[];
  readonly #sourceBytes: number;
  #lists = 0;
  #rows = 0;
  /** Rows at the start of the list that is appended. */
  #start = 0;

  constructor(model: LoggedModel) {
    this.#items = model.textItems ? new GrowingTexts() : wide();
    this.#kept = model.kept.map(column => new KeptValues(column));
    this.#sourceBytes = sourceBytes(model.sources.length);
  }

  get isEmpty(): boolean {
    return this.#lists === 0;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes that its batch will have. */
  get bytes(): number {
    const perList = this.#ids.bytes + this.#arms.bytes + this.#lists * (4 + 8 + 8 + 8 + 4);
    const perRow = this.#items.bytes + this.#rows * (4 + 8 + 8 + this.#sourceBytes);
    return perList + perRow + this.#kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Appends a row of the list that `endList` ends. @param position 0 for a candidate that was not shown */
  addRow(items: Column, at: number, position: number, score: number, propensity: number): void {
    if (this.#items instanceof GrowingTexts) this.#items.push((items.values as readonly string[])[at]!);
    else if (items.values instanceof BigInt64Array) copyNumber(items.values, at, this.#items);
    else this.#items.push(BigInt((items.values as Int32Array)[at]!));
    this.#positions.push(position);
    this.#scores.push(score);
    this.#propensities.push(propensity);
    this.#rows++;
  }

  /** Room for the sources of as many rows; see `Batch.sources`. @returns the array and the place of the first byte */
  reserveSources(rows: number): { readonly sets: Uint8Array; readonly at: number } {
    const size = rows * this.#sourceBytes;
    const sets = this.#sources.reserve(size);
    const at = this.#sources.length;
    sets.fill(0, at, at + size);
    this.#sources.length += size;
    return { sets, at };
  }

  keep(place: number, column: Column | undefined, row: number): void {
    this.#kept[place]!.push(column, row);
  }

  /** Ends a list. */
  endList({ requestId, requestRow, time, seed }: ListHead, arm: string, listPropensity: number): void {
    this.#ids.push(requestId);
    this.#arms.push(arm);
    this.#requestRows.push(requestRow);
    this.#times.push(time);
    this.#seeds.push(seed);
    this.#listPropensities.push(listPropensity);
    this.#counts.push(this.#rows - this.#start);
    this.#start = this.#rows;
    this.#lists++;
  }

  /** @returns the batch; the builder is empty then */
  take(artefacts: string): Batch {
    const batch: Batch = {
      lists: this.#lists,
      rows: this.#rows,
      artefacts,
      requestIds: this.#ids.take(),
      requestRows: this.#requestRows.take(),
      arms: this.#arms.take(),
      times: this.#times.take(),
      seeds: this.#seeds.take(),
      listPropensities: this.#listPropensities.take(),
      counts: this.#counts.take(),
      items: this.#items.take(),
      positions: this.#positions.take(),
      scores: this.#scores.take(),
      propensities: this.#propensities.take(),
      sources: this.#sources.take(),
      kept: this.#kept.map(one => one.take()),
    };
    this.#lists = 0;
    this.#rows = 0;
    this.#start = 0;
    return batch;
  }
}

/** The values of one kept column, as they are appended row by row. */
import type { PageValues } from "../../../formats/tables/parquet-page.js";
import { datatype, type Values } from "../../../triton-protos/datatype.js";
import type { Column } from "../../base/columns/table.js";
import { words } from "../../base/columns/words.js";
import type { KeptColumn } from "./batch.js";
import { Growing, GrowingTexts } from "./growing.js";

type Numbers = Exclude<Values, readonly string[]>;

export class KeptValues {
  readonly #texts: GrowingTexts | undefined;
  readonly #numbers: Growing<Numbers> | undefined;
  readonly #present = new Growing(length => new Uint8Array(length));
  readonly #lengths: Growing<Int32Array<ArrayBuffer>> | undefined;
  readonly #isFloat: boolean;

  constructor({ dtype, list }: KeptColumn) {
    const { array, kind } = datatype(dtype);
    this.#isFloat = kind === "float" && dtype !== "float16";
    if (array) this.#numbers = new Growing<Numbers>(length => new array(length));
    else this.#texts = new GrowingTexts();
    if (list) this.#lengths = new Growing(length => new Int32Array(length));
  }

  get bytes(): number {
    const values = this.#texts?.bytes ?? this.#numbers!.bytes;
    return values + this.#present.bytes + (this.#lengths?.bytes ?? 0);
  }

  /** Appends a row of a column; null where there is no such row, or a null list. @param row -1 for none */
  push(column: Column | undefined, row: number): void {
    if (!column || row < 0 || column.listValidity?.[row] === 0) {
      if (this.#lengths) this.#lengths.push(-1);
      else this.#null();
      return;
    }
    if (!this.#lengths) {
      this.#copy(column, row);
      return;
    }
    const { offsets, width = 1 } = column;
    const from = offsets ? offsets[row]! : row * width;
    const to = offsets ? offsets[row + 1]! : from + width;
    this.#lengths.push(to - from);
    for (let i = from; i < to; i++) this.#copy(column, i);
  }

  take(): PageValues {
    const values = this.#texts?.take() ?? this.#numbers!.take();
    return { values, present: this.#present.take(), ...(this.#lengths && { lengths: this.#lengths.take() }) };
  }

  #null(): void {
    this.#present.push(0);
    if (this.#texts) this.#texts.push("");
    else this.#numbers!.skip();
  }

  #copy({ values, validity }: Column, i: number): void {
    if (validity?.[i] === 0) {
      this.#null();
      return;
    }
    if (this.#texts) this.#texts.push((values as readonly string[])[i]!);
    else copyNumber(values as Numbers, i, this.#numbers!);
    this.#present.push(this.#isFloat && Number.isNaN((values as Float64Array)[i]) ? 0 : 1);
  }
}

/** Without a BigInt for a value of 64 bits. */
export function copyNumber(values: Numbers, i: number, to: Growing<Numbers>): void {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) to.pushWords(wordsOf(values), i);
  else {
    const target = to.reserve(1);
    (target as Float64Array)[to.length] = (values as Float64Array)[i]!;
    to.length++;
  }
}

/** A view for each array and not for each of its values. */
let viewed: { readonly values: BigInt64Array | BigUint64Array; readonly words: Int32Array } | undefined;

function wordsOf(values: BigInt64Array | BigUint64Array): Int32Array {
  if (viewed?.values !== values) viewed = { values, words: words(values) };
  return viewed.words;
}

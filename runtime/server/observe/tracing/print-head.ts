/**
 * The first elements of a tensor, of which only the first bytes may be there, as JSON can hold them.
 */
import { wireDatatype } from "../../../../triton-protos/datatype.js";
import { fromBfloats, fromHalves } from "../../../../triton-protos/float16.js";
import type { Tensor } from "../../../base/tensor.js";

export interface PrintedTensor {
  readonly name: string;
  readonly datatype: string;
  /** The shape of the whole tensor. */
  readonly shape: readonly number[];
  /** Its first elements, row-major: numbers, texts, booleans; int64 beyond 2^53, NaN and infinities as text. */
  readonly values: readonly (number | string | boolean)[];
}

/** Longer texts are cut. */
const MAX_TEXT = 200;

export function printHead({ name, datatype, shape, data }: Tensor): PrintedTensor {
  return { name, datatype, shape: [...shape], values: headValues(datatype, data) };
}

function headValues(datatype: string, data: Uint8Array): PrintedTensor["values"] {
  const row = wireDatatype(datatype);
  if (datatype === "BYTES" || !row) return headTexts(data);
  const whole = data.slice(0, data.byteLength - (data.byteLength % row.bytes));
  if (datatype === "BOOL") return Array.from(whole, value => value !== 0);
  if (!row.array) return [];
  const elements = new row.array(whole.buffer, 0, whole.byteLength / row.bytes);
  const widened =
    datatype === "FP16"
      ? fromHalves(elements as Uint16Array)
      : datatype === "BF16"
        ? fromBfloats(elements as Uint16Array)
        : elements;
  return Array.from(widened as ArrayLike<number | bigint>, value =>
    typeof value === "bigint"
      ? Number.isSafeInteger(Number(value))
        ? Number(value)
        : String(value)
      : Number.isFinite(value)
        ? value
        : String(value),
  );
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Texts with their lengths before them; the last may be cut, and is left out then. */
function headTexts(data: Uint8Array): readonly string[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const texts: string[] = [];
  for (let at = 0; at + 4 <= data.byteLength; ) {
    const length = view.getUint32(at, true);
    const end = at + 4 + length;
    if (end > data.byteLength && texts.length > 0) break;
    const text = utf8.decode(data.subarray(at + 4, Math.min(end, data.byteLength)));
    texts.push(text.length > MAX_TEXT || end > data.byteLength ? `${text.slice(0, MAX_TEXT)}…` : text);
    at = end;
  }
  return texts;
}

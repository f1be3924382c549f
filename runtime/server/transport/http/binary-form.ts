/**
 * The mark of a body with binary tensors in cloud front ends: its content type ends in the length of the JSON in front. Bodies are never
 * compressed there.
 */
import { invalid } from "../../../base/errors.js";

export interface BinaryForm {
  /** The start of the content type, up to the length. */
  readonly mime: `application/vnd.${string}`;
  /** Whether a binary answer has this content type, too, and none of Triton's own header. */
  readonly inAnswers: boolean;
  /** The status of a fault of the model, whatever it is; Triton's by its kind otherwise. */
  readonly faultStatus?: 400;
}

/**
 * @param type the content type of a request @param received bytes of its body
 * @returns bytes of JSON at the front; undefined where all is JSON
 * @throws RuntimeFault
 */
export function jsonLengthOf({ mime }: BinaryForm, type: string | undefined, received: number): number | undefined {
  if (type === undefined) return undefined;
  const at = type.indexOf(mime);
  if (at === -1) return undefined;
  if (at !== 0) throw invalid(`expect MIME type for binary data starts with '${mime}', got: ${type}`);
  const text = type.slice(mime.length);
  // C++'s stoi: digits at the start are enough.
  const digits = /^\s*([+-]?\d+)/.exec(text)?.[1];
  if (digits === undefined) throw invalid(`Unable to parse inference header size, got: ${text}`);
  const length = Number(digits);
  if (length > 2 ** 31 - 1 || length < -(2 ** 31))
    throw invalid(`Unable to parse inference header size, value is out of range, got: ${text}`);
  if (length < 0 || length > received)
    throw invalid(`inference header size should be in range (0, ${received}), got: ${text}`);
  return length;
}

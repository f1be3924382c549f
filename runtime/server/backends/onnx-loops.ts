/**
 * Whether a model's file has the operator `Loop`, whose cost depends on values: a run of the same shapes takes microseconds or hours.
 */
import { createReadStream } from "node:fs";

/** The operator's name with its length, as in a NodeProto and in ONNX Runtime's own format. */
const FORMS = ["\x04Loop", "\x04\0\0\0Loop"].map(text => Buffer.from(text));
const LONGEST = Math.max(...FORMS.map(({ length }) => length));

/** Reads bytes instead of nodes: a model's weights are in the same file, and the few that look like a name cost little. */
export async function hasLoop(file: string): Promise<boolean> {
  let before = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) {
    const bytes = Buffer.concat([before, chunk as Buffer]);
    if (FORMS.some(form => bytes.includes(form))) return true;
    before = bytes.subarray(-LONGEST);
  }
  return false;
}

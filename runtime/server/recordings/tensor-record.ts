/**
 * A tensor in a cassette: its values where they are few and JSON holds them exactly; else its bytes in a block after the line. Version 1 packed those into
 * the line, with gzip and base64. No bit is lost either way.
 */
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { wireDatatype } from "../../../triton-protos/datatype.js";
import type { RequestTensor } from "../contract.js";
import { pack, readableValues } from "../requests/tensor-json.js";

export const tensorRecord = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  /** Elements, row-major; integers beyond 2^53 as text. */
  data: z.array(z.union([z.number(), z.string()])).optional(),
  /** Length of its block. */
  bytes: z.number().int().nonnegative().optional(),
  /** Version 1. */
  gzip: z.string().optional(),
});
type TensorRecord = Readonly<z.infer<typeof tensorRecord>>;

/** @returns its record, and the block after the line */
export function writeTensor({ name, datatype, shape, data }: RequestTensor): readonly [TensorRecord, Uint8Array?] {
  const head = { name, datatype, shape: [...shape] };
  const values = readableValues(datatype, data);
  return values ? [{ ...head, data: [...values] }] : [{ ...head, bytes: data.byteLength }, data];
}

/** Bytes that a tensor of numbers has; undefined for texts. */
function bytesOf({ datatype, shape }: TensorRecord): number | undefined {
  const row = wireDatatype(datatype);
  if (!row) throw new Error(`there is no datatype ${JSON.stringify(datatype)}`);
  return row.array ? shape.reduce((count, length) => count * length, row.bytes) : undefined;
}

/** @param take reads the next bytes of the blocks @throws Error if the bytes are not those of its shape */
export function readTensor(record: TensorRecord, take: (bytes: number) => Uint8Array): RequestTensor {
  const { name, datatype, shape, data, bytes, gzip } = record;
  const expected = bytesOf(record);
  const found =
    bytes !== undefined
      ? take(bytes)
      : gzip === undefined
        ? pack(datatype, data ?? [])
        : gunzipSync(Buffer.from(gzip, "base64"), expected === undefined ? {} : { maxOutputLength: expected + 1 });
  if (expected !== undefined && found.byteLength !== expected)
    throw new Error(`\`${name}\` has ${found.byteLength} bytes, and ${datatype} [${shape}] takes ${expected}`);
  return { name, datatype, shape, data: new Uint8Array(found.buffer, found.byteOffset, found.byteLength) };
}

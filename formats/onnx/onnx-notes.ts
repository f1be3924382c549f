/** Metadata of an ONNX file, changed without a copy of its graph: bytes of fields stay as they are. */
import { type Cursor, cursor, nextTag, readSpan, skipField } from "../bytes/wire.js";
import { bytesMember, joinBytes, stringMember } from "../bytes/wire-writer.js";
import { readEntry } from "./onnx.js";

const METADATA_PROPS = 14;

/** The metadata of a model by key. @throws WireError */
export function readNotes(model: Uint8Array): ReadonlyMap<string, string> {
  const notes = new Map<string, string>();
  for (const { entry } of fieldsOf(model)) if (entry) notes.set(...readEntry(entry));
  return notes;
}

/** The model with these entries, in the place of others of their keys. @throws WireError */
export function withNotes(model: Uint8Array, notes: ReadonlyMap<string, string>): Uint8Array {
  const kept = [...fieldsOf(model)].filter(({ entry }) => !entry || !notes.has(readEntry(entry)[0]));
  const added = [...notes].map(([key, value]) =>
    bytesMember(METADATA_PROPS, joinBytes([stringMember(1, key), stringMember(2, value)])),
  );
  return joinBytes([...kept.map(({ from, to }) => model.subarray(from, to)), ...added]);
}

function* fieldsOf(model: Uint8Array): Generator<{ from: number; to: number; entry: Cursor | undefined }> {
  const c = cursor(model);
  for (;;) {
    const from = c.at;
    const tag = nextTag(c);
    if (tag === 0) return;
    const isEntry = tag >>> 3 === METADATA_PROPS && (tag & 7) === 2;
    const entry = isEntry ? readSpan(c) : undefined;
    if (!isEntry) skipField(c, tag);
    yield { from, to: c.at, entry };
  }
}

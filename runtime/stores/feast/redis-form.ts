/**
 * What Feast's Redis online store calls things: a hash per entity, a field per feature, and a field per view with the event time.
 */
import { murmur3 } from "./murmur3.js";

const encoder = new TextEncoder();

/** Key of an entity's hash: its key bytes, then the project. */
export const hashName = (entityKey: Uint8Array, project: string): Buffer =>
  Buffer.concat([entityKey, encoder.encode(project)]);

/** Field of a feature: four bytes, little-endian. */
export function featureField(view: string, feature: string): Buffer {
  const field = Buffer.alloc(4);
  field.writeUInt32LE(murmur3(encoder.encode(`${view}:${feature}`)));
  return field;
}

/** Field with the event time of a view's features. */
export const timeField = (view: string): Buffer => Buffer.from(`_ts:${view}`);

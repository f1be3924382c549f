/**
 * Names in Feast's Redis online store: a hash per entity, a field per feature, and a field per view with the event time.
 */
import { murmur3 } from "./murmur3.js";

const encoder = new TextEncoder();

/** @returns entity key → key of the entity's hash: the bytes of its key, then the project */
export function hashNamer(project: string): (entityKey: Uint8Array) => Buffer {
  const end = encoder.encode(project);
  return entityKey => {
    const name = Buffer.allocUnsafe(entityKey.length + end.length);
    name.set(entityKey);
    name.set(end, entityKey.length);
    return name;
  };
}

/** Field of a feature: four bytes, little-endian. */
export function featureField(view: string, feature: string): Buffer {
  const field = Buffer.alloc(4);
  field.writeUInt32LE(murmur3(encoder.encode(`${view}:${feature}`)));
  return field;
}

/** Field with the event time of a view's features. */
export const timeField = (view: string): Buffer => Buffer.from(`_ts:${view}`);

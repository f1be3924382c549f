/**
 * The features of a schema file as Merlin writes them, ours and NVTabular's, in a form that can be compared.
 */

import type { Plan } from "#contract/plan.js";
import { printMerlinJson } from "#formats/merlin-schema/merlin-schema.js";

export interface Feature {
  readonly name: string;
  readonly type?: string;
  readonly valueCount?: unknown;
  readonly intDomain?: unknown;
  readonly floatDomain?: unknown;
  readonly annotation: {
    readonly tag?: readonly string[];
    readonly extraMetadata: readonly Readonly<Record<string, unknown>>[];
  };
}

/** The schema file of a fitted plan, by column. */
export function featuresOf(plan: Plan): ReadonlyMap<string, Feature> {
  const printed = printMerlinJson(plan.outputs.map(output => output.schema));
  const { feature } = JSON.parse(printed) as { feature: readonly Feature[] };
  return new Map(feature.map(one => [one.name, one]));
}

/**
 * Left out: the path of a file (`cat_path`), our own checksum (`vocabulary_sum`), and the width of columns that NVTabular leaves without a
 * type (text, booleans). Tags are a set there, and `null` says as little as nothing.
 */
export const comparable = (ours: Feature, theirs: Feature): readonly [unknown, unknown] => [plain(ours), plain(theirs)];

function plain({ annotation: { tag = [], extraMetadata }, ...feature }: Feature): unknown {
  const { cat_path: _, vocabulary_sum: __, ...properties } = extraMetadata[0] ?? {};
  const known = Object.entries(properties).filter(([, value]) => value !== null);
  return { ...feature, tags: [...tag].toSorted(), properties: Object.fromEntries(known) };
}

/**
 * Keys as text → features of those entities from a repository's online store, one record per entity.
 */
import { askedName } from "../../../formats/feast/feast-key.js";
import { type FeastProjection, type FeastRegistry, projectedView } from "../../../formats/feast/feast-registry.js";
import { readFeastRepository } from "../../../formats/feast/feast-repository.js";
import { type FeastType, feastType } from "../../../formats/feast/feast-type.js";
import { distinctKeys } from "../../base/columns/distinct-keys.js";
import { allocate, type Column, type Rows, rootRows } from "../../base/columns/table.js";
import { invalid } from "../../base/errors.js";
import { openStore } from "./open-store.js";
import { FEATURE_STATUS, type FeatureColumn, type ViewRead } from "./store.js";

export interface FeatureQuestion {
  /** Join key → values, all of one length. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  readonly views?: readonly string[];
  readonly service?: string;
  readonly features?: readonly string[];
}

export type FeatureRecord = Readonly<Record<string, unknown>>;

/** @returns per entity its keys and features; null where there is no value @throws RuntimeFault naming view, key or value */
export async function getFeatures(folder: string, question: FeatureQuestion): Promise<FeatureRecord[]> {
  const repository = readFeastRepository(folder);
  const reads = chosenReads(repository.registry, question);
  const joins = [
    ...new Map(
      reads.flatMap(({ view }) =>
        view.joinKeys.map(join => [askedName(join), { ...join, name: askedName(join) }] as const),
      ),
    ).values(),
  ];
  const lengths = joins.map(join => question.keys.get(join.name)?.length);
  const missing = joins.find((_, i) => lengths[i] === undefined);
  if (missing)
    throw invalid(
      `${reads.map(r => `\`${r.view.name}\``).join(", ")} is looked up by \`${missing.name}\` too. Give it with \`--key ${missing.name}=…\`.`,
    );
  const count = lengths[0]!;
  if (lengths.some(length => length !== count))
    throw invalid(
      `the keys have ${joins.map((join, i) => `${lengths[i]} values of \`${join.name}\``).join(" and ")}: they pair by position.`,
    );
  const rows = rootRows(count);
  const entities = joins.map(({ name, type }) => keyColumn(name, type, question.keys.get(name)!, rows));
  const distinct = distinctKeys(entities);
  // One read: nothing is worth keeping in memory.
  const store = await openStore(repository, { memoryMb: 0 });
  try {
    const reader = await store.prepare(reads, { bytes: "base64", eventTimes: false });
    const found = await reader.getOnline(
      new Map(joins.map((join, i) => [join.name, distinct.keys[i]!])),
      distinct.count,
    );
    const several = reads.length > 1;
    const names = reads.flatMap(({ view, features }) =>
      features.map(f => (several ? `${view.name}:${f.name}` : f.name)),
    );
    const types = reads.flatMap(({ features }) => features.map(f => f.type!));
    return Array.from({ length: count }, (_, row) => ({
      ...Object.fromEntries(joins.map((join, i) => [join.name, entities[i]!.values[row]])),
      ...Object.fromEntries(names.map((name, f) => [name, cell(found[f]!, types[f]!, distinct.places[row]!)])),
    }));
  } finally {
    await store.close();
  }
}

function chosenReads(registry: FeastRegistry, { views, service, features }: FeatureQuestion): ViewRead[] {
  const named = (names: readonly string[]) => names.map(name => `\`${name}\``).join(", ") || "none";
  const found = registry.services.find(s => s.name === service);
  if (service !== undefined && !found)
    throw invalid(`the repository has no service \`${service}\`; it has ${named(registry.services.map(s => s.name))}.`);
  const wanted: readonly (Partial<FeastProjection> & { readonly view: string })[] =
    found?.views ?? (views ?? []).map(view => ({ view }));
  if (wanted.length === 0)
    throw invalid(
      `name a view with \`--view\` (${named(registry.views.map(v => v.name))}) or a service with \`--service\`.`,
    );
  const reads = wanted.map(({ view: name, alias = name, features: taken, joinKeys = {} }) => {
    const view = projectedView(registry, { view: name, alias, features: [], joinKeys });
    if (!view)
      throw invalid(`the repository has no view \`${name}\`; it has ${named(registry.views.map(v => v.name))}.`);
    const mine = view.features.filter(
      f => f.type !== null && (taken?.includes(f.name) ?? true) && (features?.includes(f.name) ?? true),
    );
    return { view, features: mine };
  });
  const unknown = features?.find(name => !reads.some(read => read.features.some(f => f.name === name)));
  if (unknown !== undefined)
    throw invalid(
      `${reads.map(r => `\`${r.view.name}\``).join(", ")} has no feature \`${unknown}\`; there are ${named(reads.flatMap(r => r.view.features.map(f => f.name)))}.`,
    );
  return reads.filter(read => read.features.length > 0);
}

function keyColumn(name: string, type: FeastType, given: readonly string[], rows: Rows): Column {
  const { dtype } = feastType(type);
  const values = allocate(dtype, given.length) as { [i: number]: unknown };
  given.forEach((text, i) => {
    if (dtype !== "string" && !/^-?\d+$/.test(text))
      throw invalid(`\`${name}\` is ${type} and \`${text}\` is not an integer.`);
    // An array of integers converts the text.
    values[i] = text;
    if (dtype !== "string" && String(values[i]) !== String(BigInt(text)))
      throw invalid(`\`${name}\` is ${type}, which ${text} is beyond.`);
  });
  return { dtype, rows, values: values as unknown as Column["values"] };
}

function cell({ values, offsets, status }: FeatureColumn, type: FeastType, row: number): unknown {
  if (status[row] !== FEATURE_STATUS.present) return null;
  const say = (value: unknown) => (feastType(type).dtype === "bool" ? value === 1 : value);
  if (!offsets) return say(values[row]);
  return Array.from({ length: offsets[row + 1]! - offsets[row]! }, (_, i) => say(values[offsets[row]! + i]));
}

/** Feast's responses from stores of every type (tests/oracles/feast/make_every_type.py), and those of a store here. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findView } from "#formats/feast/feast-registry.js";
import { type FeastRepository, readFeastRepository } from "#formats/feast/feast-repository.js";
import { type FeastType, feastType } from "#formats/feast/feast-type.js";
import { openStore } from "#runtime/stores/feast/open-store.js";
import { FEATURE_STATUS } from "#runtime/stores/feast/store.js";
import { type Item, plain, scalars } from "../../../operators/step.js";

export const FIXTURES = ["every-0.31-k1", "every-0.31-k2", "every-0.67-k2", "every-0.67-k3"];
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../fixtures/feast/${name}`, import.meta.url));
export const repositoryOf = (name: string): FeastRepository => readFeastRepository(fixture(name));

type Spoken = string | number | boolean | null | { readonly base64: string } | readonly Spoken[];
type Answers = Readonly<
  Record<string, { keys: Readonly<Record<string, Spoken[]>>; features: Readonly<Record<string, Spoken[]>> }>
>;
const read = (name: string, file: string): unknown => JSON.parse(readFileSync(join(fixture(name), file), "utf8"));

/** Hash name → field → value, in hex, as Feast left them in Redis. */
export const hashesOf = (name: string) => read(name, "redis.json") as Record<string, Record<string, string>>;

/** Per view and feature: what Feast answered. */
export function feastAnswers(name: string): Record<string, Record<string, Spoken[]>> {
  const all = read(name, "answers.json") as Answers;
  return Object.fromEntries(Object.entries(all).map(([view, { features }]) => [view, features]));
}

/** The same from a store here, in the same form; each look-up in one call. @param without views that are skipped */
export async function ourAnswers(
  name: string,
  repository: FeastRepository,
  options: Parameters<typeof openStore>[1] = {},
  without: readonly string[] = [],
): Promise<Record<string, Record<string, Spoken[]>>> {
  const all = read(name, "answers.json") as Answers;
  const store = await openStore(repository, options);
  const answers: Record<string, Record<string, Spoken[]>> = {};
  for (const [asked, { keys, features }] of Object.entries(all)) {
    if (without.includes(asked)) continue;
    const reads = viewsOf(repository, asked);
    const joins = new Map(reads.flatMap(({ view }) => view.joinKeys.map(join => [join.name, join.type] as const)));
    const columns = new Map(
      [...joins].map(([join, type]) => [
        join,
        scalars(
          feastType(type).dtype,
          keys[join]!.map(key => keyItem(type, key)),
        ),
      ]),
    );
    const reader = await store.prepare(reads, { bytes: "base64", eventTimes: false });
    const count = Object.values(keys)[0]!.length;
    const found = await reader.getOnline(columns, count);
    const wanted = reads.flatMap(read => read.features);
    answers[asked] = Object.fromEntries(
      wanted.map((feature, f) => {
        const { values, offsets, status } = found[f]!;
        const col = { dtype: feastType(feature.type!).dtype, rows: { count }, values, ...(offsets && { offsets }) };
        const spoken = plain(col).map((value, i) =>
          status[i] === FEATURE_STATUS.present ? asFeast(feature.type!, value) : null,
        );
        return [feature.name, spoken];
      }),
    );
    if (Object.keys(features).length !== wanted.length) throw new Error(`${asked}: other features than Feast's`);
  }
  await store.close();
  return answers;
}

function viewsOf({ registry }: FeastRepository, asked: string) {
  if (!asked.startsWith("service ")) {
    const view = findView(registry, asked)!;
    return [{ view, features: view.features }];
  }
  return registry.services
    .find(service => service.name === asked.slice("service ".length))!
    .views.map(of => {
      const view = findView(registry, of.view)!;
      return { view, features: view.features.filter(f => of.features.includes(f.name)) };
    });
}

function keyItem(type: FeastType, key: Spoken): Item {
  if (typeof key === "object" && key !== null && "base64" in key) return key.base64;
  return type === "INT64" ? BigInt(String(key)) : type === "INT32" ? Number(key) : String(key);
}

function asFeast(type: FeastType, value: unknown): Spoken {
  if (Array.isArray(value)) return value.map(item => asFeast(type, item));
  if (type.startsWith("BYTES")) return { base64: String(value) };
  const { dtype } = feastType(type);
  if (dtype === "bool") return value === 1;
  return typeof value === "bigint" || dtype === "int32" ? String(value) : (value as Spoken);
}

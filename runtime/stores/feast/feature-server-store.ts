/**
 * Feast's feature server over HTTP: one `POST /get-online-features` per request, whatever the number of views and entities.
 */
import { addressOf, type RemoteStore } from "../../../formats/feast/feast-online-store.js";
import type { FeastView } from "../../../formats/feast/feast-registry.js";
import { feastType } from "../../../formats/feast/feast-type.js";
import type { Cancellation } from "../../base/cancellation.js";
import type { Column } from "../../base/columns/table.js";
import { internal, type RuntimeFault, unsupported } from "../../base/errors.js";
import { type Json, type JsonObject, parseJson } from "../../wire/json/json.js";
import { columnBuilder } from "./build-column.js";
import { eventSeconds } from "./event-time.js";
import { type HttpCall, httpCaller } from "./feature-server-call.js";
import { describeKey } from "./key-column.js";
import { pushJson } from "./push-json.js";
import type { FeatureColumn, FeatureStore, ReadOptions, ViewRead } from "./store.js";

/** @throws RuntimeFault when no server answers */
export async function openFeatureServer(store: RemoteStore, timeoutMs: number): Promise<FeatureStore> {
  const { call, close } = httpCaller(store, timeoutMs);
  try {
    await call("GET", "/health");
  } catch (error) {
    close();
    throw error;
  }
  return { prepare: (reads, options) => ({ getOnline: prepareRead(reads, options, call, addressOf(store)) }), close };
}

function prepareRead(reads: readonly ViewRead[], options: ReadOptions, call: HttpCall, url: string) {
  const features = JSON.stringify(reads.flatMap(({ view, features }) => features.map(f => `${view.name}:${f.name}`)));
  // The server types keys by their JSON and has no JSON for bytes (Feast 0.67 answers 500).
  for (const { view } of reads)
    for (const join of view.joinKeys)
      if (join.type === "BYTES")
        throw unsupported(
          `view \`${view.name}\` is looked up by the BYTES \`${join.name}\`, which Feast's feature server does not take. Read the view from SQLite or Redis, or make the key a STRING.`,
        );
  for (const { view, features } of reads) {
    if (view.aliasOf !== undefined)
      throw unsupported(
        `view \`${view.aliasOf}\` is read as \`${view.name}\` by a feature service, which Feast's feature server cannot return feature by feature. Read it from SQLite or Redis, or name the view itself.`,
      );
    for (const { name, type } of features)
      if (type === "SCALAR_MAP")
        throw unsupported(
          `feature \`${view.name}:${name}\` is a SCALAR_MAP, which Feast's feature server answers as null. Read the view from SQLite or Redis, or leave the feature out with \`features\`.`,
        );
  }
  const joins = new Map(reads.flatMap(({ view }) => view.joinKeys.map(join => [join.name, join] as const)));
  return async (
    keys: ReadonlyMap<string, Column>,
    count: number,
    signal?: Cancellation,
  ): Promise<readonly FeatureColumn[]> => {
    const rows = keys.values().next().value!.rows.count;
    const empty = () =>
      reads.flatMap(({ view, features }) => features.map(f => columnBuilder(view, f, count, options).finish()));
    if (rows === 0) return empty();
    const entities = [...joins.keys()].map(name => `${JSON.stringify(name)}:[${jsonKeys(keys.get(name)!)}]`);
    const body = `{"features":${features},"entities":{${entities.join(",")}},"full_feature_names":true}`;
    return readAnswer(await call("POST", "/get-online-features", body, signal), reads, options, keys, rows, count, url);
  };
}

/** Integers in full, beyond 2^53 too. */
const jsonKeys = ({ values }: Column): string =>
  Array.from(values as ArrayLike<unknown>, value =>
    typeof value === "string" ? JSON.stringify(value) : String(value),
  ).join(",");

function readAnswer(
  bytes: Buffer,
  reads: readonly ViewRead[],
  options: ReadOptions,
  keys: ReadonlyMap<string, Column>,
  rows: number,
  count: number,
  url: string,
): FeatureColumn[] {
  const odd = (what: string) =>
    internal(`the feature server at ${url} ${what}. Is it the server of this repository, and as new as its registry?`);
  const root = asObject(parseAnswer(bytes, odd));
  // Feast's servers up to 0.58 at least put `metadata` first and say bytes as UTF-8; later ones put it last and say base64.
  const older = root?.keys().next().value === "metadata";
  const names = asArray(asObject(root?.get("metadata"))?.get("feature_names"));
  const results = asArray(root?.get("results"));
  if (!names || !results) throw odd("answers no columns");
  return reads.flatMap(({ view, features }) =>
    features.map(feature => {
      const result = asObject(results[names.indexOf(`${view.name}__${feature.name}`)]);
      const values = asArray(result?.get("values"));
      const statuses = asArray(result?.get("statuses"));
      const times = asArray(result?.get("event_timestamps"));
      if (values?.length !== rows || statuses?.length !== rows)
        throw odd(`answers ${values?.length ?? "no"} values of \`${view.name}:${feature.name}\` for ${rows} keys`);
      const builder = columnBuilder(view, feature, count, options);
      const columns = view.joinKeys.map(join => keys.get(join.name)!);
      const type = feastType(feature.type!);
      for (let row = 0; row < rows; row++) {
        if (statuses[row] === "NOT_FOUND") continue;
        const value = values[row]!;
        builder.add(
          row,
          sink => pushJson(value, type, sink, older ? "utf8" : "base64"),
          () => describeKey(view.joinKeys, columns, row),
          eventSeconds(times?.[row]),
        );
      }
      if (older && statuses.every(status => status === "NOT_FOUND")) warnOfNarrowKeys(view, url);
      return builder.finish();
    }),
  );
}

const warned = new Set<string>();

/** Feast 0.31's server looks every whole number up as an INT64, and so finds no entity whose key is an INT32. */
function warnOfNarrowKeys(view: FeastView, url: string): void {
  const narrow = view.joinKeys.find(join => join.type === "INT32");
  if (!narrow || warned.has(`${url} ${view.name}`)) return;
  warned.add(`${url} ${view.name}`);
  process.emitWarning(
    `the feature server at ${url} found none of the keys of view \`${view.name}\`. An old server (Feast 0.31) never finds an INT32 key such as \`${narrow.name}\`: read the view from SQLite or Redis, or run a newer server.`,
    "MerlonWarning",
  );
}

function parseAnswer(bytes: Buffer, odd: (what: string) => RuntimeFault): Json {
  try {
    return parseJson(bytes);
  } catch {
    throw odd("answers something that is not JSON");
  }
}

const asObject = (value: Json | undefined): JsonObject | undefined => (value instanceof Map ? value : undefined);
const asArray = (value: Json | undefined): readonly Json[] | undefined =>
  Array.isArray(value) ? (value as readonly Json[]) : undefined;

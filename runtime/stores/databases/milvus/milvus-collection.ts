/** The collection of a store: its fields and its index as Milvus has them, compared with the store's file. */
import type { MilvusClient } from "@zilliz/milvus2-sdk-node";
import type { AttributeDType, Metric, MilvusStore } from "../../../../formats/vectors/vector-store.js";
import { refuses } from "../refusals.js";
import { checked, MilvusRefusal, NO_COLLECTION } from "./milvus-client.js";

/** Attributes without a value. */
const LEAST_VERSION = [2, 5] as const;
/** Bytes of a text that a field holds at most. */
export const MOST_TEXT = 65_535;

/** Types of fields, by their names in Milvus. */
export const FIELD_TYPES = {
  int32: "Int32",
  int64: "Int64",
  float32: "Float",
  float64: "Double",
  bool: "Bool",
  string: "VarChar",
} as const satisfies Readonly<Record<AttributeDType, string>>;

export const METRIC_TYPES: Readonly<Record<Metric, string>> = { ip: "IP", l2: "L2", cosine: "COSINE" };

export interface FoundCollection {
  readonly version: string;
  readonly index: string;
}

/** @returns undefined where there is no collection @throws RuntimeFault for one that differs from the file, MilvusRefusal */
export async function checkCollection(
  client: MilvusClient,
  store: MilvusStore,
  where: string,
): Promise<FoundCollection | undefined> {
  const { collection, idField, vectorField, dimension, ids, attributes, metric } = store;
  const refuse = refuses(where);
  const { version } = checked(await client.getVersion());
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) < LEAST_VERSION[0] || (Number(major) === LEAST_VERSION[0] && Number(minor) < LEAST_VERSION[1]))
    throw refuse(`the server is Milvus ${version}, and attributes without a value need 2.5`, "Upgrade it.");
  const described = await absentAs(client.describeCollection({ collection_name: collection }));
  if (!described) return undefined;
  const fields = new Map(described.schema.fields.map(field => [field.name, field]));
  const need = (name: string, wanted: string, field: string): void => {
    const found = fields.get(name);
    if (!found)
      throw refuse(
        `collection \`${collection}\` has no field \`${name}\``,
        `Correct \`${field}\`: its fields are ${[...fields.keys()].map(n => `\`${n}\``).join(", ")}.`,
      );
    const type = found.data_type === "FloatVector" ? `FloatVector(${found.dim})` : String(found.data_type);
    if (type !== wanted)
      throw refuse(
        `field \`${name}\` of collection \`${collection}\` is ${type}, and the file says ${wanted}`,
        `Correct \`${field}\`, or drop the collection and load it again.`,
      );
  };
  need(idField, FIELD_TYPES[ids], "ids");
  need(vectorField, `FloatVector(${dimension})`, "dimension");
  for (const [name, dtype] of Object.entries(attributes)) need(name, FIELD_TYPES[dtype], "attributes");
  const key = described.schema.fields.find(field => field.is_primary_key);
  if (key?.name !== idField)
    throw refuse(`the primary key of collection \`${collection}\` is \`${key?.name}\``, "Correct `idField`.");
  const index = await indexOf(client, store);
  if (index && index.metric !== METRIC_TYPES[metric])
    throw refuse(
      `the index of collection \`${collection}\` compares by ${index.metric}, and the file says ${METRIC_TYPES[metric]}`,
      "Correct `metric`, or drop the collection and load it again.",
    );
  return { version, index: index ? index.type.toLowerCase() : "none" };
}

/** @returns undefined if the response is that there is no collection, alias or index of the name */
export async function absentAs<T extends object>(response: Promise<T>): Promise<T | undefined> {
  try {
    return checked(await response);
  } catch (error) {
    if (error instanceof MilvusRefusal && (error.code === NO_COLLECTION || ABSENT.includes(error.code)))
      return undefined;
    throw error;
  }
}
/** No index; no alias. */
const ABSENT = [700, 1600];

async function indexOf(
  client: MilvusClient,
  { collection, vectorField }: MilvusStore,
): Promise<{ readonly type: string; readonly metric: string } | undefined> {
  const response = await absentAs(client.describeIndex({ collection_name: collection, field_name: vectorField }));
  const params = response?.index_descriptions.find(({ field_name }) => field_name === vectorField)?.params;
  if (!params) return undefined;
  const value = (key: string): string => String(params.find(param => param.key === key)?.value ?? "");
  return { type: value("index_type"), metric: value("metric_type").toUpperCase() };
}

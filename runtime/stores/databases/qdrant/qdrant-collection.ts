/** The collection of a store: its vectors and the types of its payload as Qdrant has them, compared with the store's file. */
import type { AttributeDType, Metric, QdrantStore } from "../../../../formats/vectors/vector-store.js";
import { refuses } from "../refusals.js";
import { type QdrantClient, QdrantRefusal } from "./qdrant-client.js";

export const DISTANCES: Readonly<Record<Metric, string>> = { ip: "Dot", l2: "Euclid", cosine: "Cosine" };

/** Types of payload indexes. */
export const SCHEMAS: Readonly<Record<AttributeDType, string>> = {
  int32: "integer",
  int64: "integer",
  float32: "float",
  float64: "float",
  bool: "bool",
  string: "keyword",
};

interface VectorParams {
  readonly size: number;
  readonly distance: string;
}

export interface CollectionInfo {
  readonly status: string;
  readonly points_count?: number;
  readonly indexed_vectors_count?: number;
  readonly payload_schema?: Readonly<Record<string, { readonly data_type?: string }>>;
  readonly config: {
    readonly params: { readonly vectors?: VectorParams | Readonly<Record<string, VectorParams>> };
  };
}

export const pathOf = (collection: string): string => `/collections/${encodeURIComponent(collection)}`;

/** @returns undefined where there is no collection @throws RuntimeFault for one that differs from the file, QdrantRefusal */
export async function checkCollection(
  client: QdrantClient,
  store: QdrantStore,
  where: string,
): Promise<CollectionInfo | undefined> {
  const { collection, vectorName, dimension, metric, attributes } = store;
  const refuse = refuses(where);
  let info: CollectionInfo;
  try {
    info = await client.call("GET", pathOf(collection));
  } catch (error) {
    if (error instanceof QdrantRefusal && error.status === 404) return undefined;
    throw error;
  }
  const { vectors } = info.config.params;
  const found = vectorsOf(vectors, vectorName);
  if (!found) {
    const names = Object.keys(vectors ?? {}).map(name => `\`${name}\``);
    throw vectorName === undefined
      ? refuse(
          `the vectors of collection \`${collection}\` have names`,
          `Name one in \`vectorName\`: ${names.join(", ")}.`,
        )
      : refuse(`collection \`${collection}\` has no vector \`${vectorName}\``, "Correct `vectorName`.");
  }
  if (found.size !== dimension)
    throw refuse(
      `vectors of collection \`${collection}\` have ${found.size} values, and the file says ${dimension}`,
      "Correct `dimension`, or drop the collection and load it again.",
    );
  if (found.distance !== DISTANCES[metric])
    throw refuse(
      `collection \`${collection}\` compares by ${found.distance}, and the file says ${DISTANCES[metric]}`,
      "Correct `metric`, or drop the collection and load it again.",
    );
  for (const [name, dtype] of Object.entries(attributes)) {
    const type = info.payload_schema?.[name]?.data_type;
    if (type !== undefined && type !== SCHEMAS[dtype])
      throw refuse(
        `the index of \`${name}\` in collection \`${collection}\` is ${type}, and the file says ${SCHEMAS[dtype]}`,
        "Correct `attributes`, or drop the collection and load it again.",
      );
  }
  return info;
}

function vectorsOf(
  vectors: CollectionInfo["config"]["params"]["vectors"],
  name: string | undefined,
): VectorParams | undefined {
  if (!vectors) return undefined;
  const isOne = typeof (vectors as VectorParams).size === "number";
  if (name === undefined) return isOne ? (vectors as VectorParams) : undefined;
  return isOne ? undefined : (vectors as Readonly<Record<string, VectorParams>>)[name];
}

/**
 * A `*.vectors.yaml`: a vector database, the vectors it holds, and the attributes that conditions may read. Secrets are references to
 * environment variables, so that the file can be copied into a model as it is.
 */
import { isAbsolute } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { readRegularSync } from "../../contract/files/read-regular.js";
import { isReference } from "../feast/environment.js";

export const VECTORS_SUFFIX = ".vectors.yaml";

/** Beyond it, a file is not one of ours. */
const MOST_BYTES = 2 ** 20;

/** Letters, digits and `_`: a name that needs no quotes in any store's language. */
const name = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, "must be letters, digits and `_`, at most 63");
const count = (most: number) => z.number().int().min(1).max(most);
const path = z
  .string()
  .refine(text => isAbsolute(text) || isReference(text), "must be an absolute path or an environment variable");

const secret = z.string().refine(isReference, "must be an environment variable: a secret is not copied into a model");

export const ATTRIBUTE_DTYPES = ["int32", "int64", "float32", "float64", "bool", "string"] as const;
export type AttributeDType = (typeof ATTRIBUTE_DTYPES)[number];

const tls = z.strictObject({
  /** File with the certificate authority of the server's certificate; the system's authorities if left out. */
  ca: path.optional(),
  /** Files with the certificate and the private key of this client. */
  cert: path.optional(),
  key: path.optional(),
});

const shared = {
  url: z.string().min(1),
  dimension: count(65_536),
  ids: z.enum(["int64", "string"]).default("int64"),
  attributes: z.record(name, z.enum(ATTRIBUTE_DTYPES)).default({}),
  /** Connections of this server at most. */
  pool: count(1000).default(4),
  /** How long a search may take. */
  timeoutMs: count(600_000).default(1000),
  tls: z.union([z.boolean(), tls]).optional(),
};

const METRICS = ["ip", "l2", "cosine"] as const;

const pgvector = z.strictObject({
  type: z.literal("pgvector"),
  ...shared,
  metric: z.enum(METRICS).default("cosine"),
  /** `items`, or with a schema, `shop.items`. */
  table: z.string().regex(/^[A-Za-z_]\w{0,62}(\.[A-Za-z_]\w{0,62})?$/, "must be a table, or `schema.table`"),
  idColumn: name.default("id"),
  vectorColumn: name.default("embedding"),
  precision: z.enum(["full", "half"]).default("full"),
  index: z.enum(["hnsw", "none"]).default("hnsw"),
  /** Links of an item, and candidates that an insertion keeps, in an index that is built. */
  links: z.number().int().min(2).max(100).default(16),
  efConstruction: z.number().int().min(4).max(1000).default(64),
  /** Candidates that a search of the index keeps. */
  efSearch: count(1000).default(200),
  /** Entries of the index that a search with a condition reads at most. By default a tenth of the rows, and at least 20,000. */
  maxScanTuples: count(2 ** 31 - 1).optional(),
});

/** Redis keeps vectors at length 1, and compares them by cosine alone. */
const redis = z.strictObject({
  type: z.literal("redis"),
  ...shared,
  metric: z
    .literal(
      "cosine",
      "must be `cosine`, which Redis compares by. Inner products of vectors of length 1 are cosines (`merlon vectors load --normalize`). For others, use pgvector",
    )
    .default("cosine"),
  /** Braces hold the part of the key that chooses its slot in a cluster. */
  key: z
    .string()
    .max(200, "must be at most 200 characters")
    .regex(
      /^(?:[\w:.-]+|[\w:.-]*\{[\w:.-]+\}[\w:.-]*)$/,
      "must be letters, digits, `_`, `:`, `.` and `-`, of which some may be in one pair of braces",
    ),
  /** `url` names a server, nodes of a cluster, or sentinels. The words are those of Feast. */
  redisType: z.enum(["redis", "redis_cluster", "redis_sentinel"]).default("redis"),
  /** Name of the primary that sentinels watch. */
  sentinelMaster: z
    .string()
    .regex(/^[\w.-]{1,200}$/, "must be letters, digits, `_`, `.` and `-`")
    .default("mymaster"),
  precision: z.enum(["full", "int8", "binary"]).default("full"),
  index: z.enum(["hnsw", "none"]).default("hnsw"),
  /** Links of an item, and candidates that an insertion keeps. */
  links: z.number().int().min(4).max(512).default(16),
  efConstruction: count(10_000).default(200),
  /** Candidates that a search of the index keeps. By default 400, and 200 with a condition. */
  efSearch: count(10_000).optional(),
  /** Items of the index that a search with a condition reads at most, before it compares all. By default 3 % of the items. */
  filterEf: count(2 ** 31 - 1).optional(),
});

const milvus = z.strictObject({
  type: z.literal("milvus"),
  ...shared,
  metric: z.enum(METRICS).default("cosine"),
  /** A collection or an alias. */
  collection: name,
  idField: name.default("id"),
  vectorField: name.default("embedding"),
  index: z.enum(["hnsw", "none"]).default("hnsw"),
  /** Candidates that a search of the index keeps. */
  efSearch: count(32_768).default(200),
  apiKey: secret.optional(),
});

const qdrant = z.strictObject({
  type: z.literal("qdrant"),
  ...shared,
  metric: z.enum(METRICS).default("cosine"),
  /** A collection or an alias. */
  collection: name,
  /** A collection may have several vectors for each point. */
  vectorName: name.optional(),
  index: z.enum(["hnsw", "none"]).default("hnsw"),
  /** Candidates that a search of the index keeps. */
  efSearch: count(100_000).default(200),
  apiKey: secret.optional(),
});

const storeSchema = z.discriminatedUnion("type", [pgvector, redis, milvus, qdrant]);

export type VectorStore = z.output<typeof storeSchema>;
export type PgvectorStore = Extract<VectorStore, { type: "pgvector" }>;
export type RedisVectorStore = Extract<VectorStore, { type: "redis" }>;
export type MilvusStore = Extract<VectorStore, { type: "milvus" }>;
export type QdrantStore = Extract<VectorStore, { type: "qdrant" }>;
export const STORE_TYPES = ["pgvector", "redis", "milvus", "qdrant"] as const satisfies readonly VectorStore["type"][];
/** How vectors are compared. */
export type Metric = (typeof METRICS)[number];

/** @throws Error whose message begins with the file */
export function readVectorStore(file: string): VectorStore {
  try {
    return parseVectorStore(readRegularSync(file, MOST_BYTES).toString("utf8"));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws Error naming the field */
export function parseVectorStore(text: string): VectorStore {
  const document: unknown = parse(text, { maxAliasCount: 0 });
  if (typeof document !== "object" || document === null || Array.isArray(document))
    throw new Error("it is not a record with `type`, `url` and `dimension`");
  const { type } = document as { readonly type?: unknown };
  if (!(STORE_TYPES as readonly unknown[]).includes(type))
    throw new Error(
      `\`type\` is ${type === undefined ? "missing" : `\`${String(type).slice(0, 40)}\``}. It is one of ${STORE_TYPES.map(t => `\`${t}\``).join(", ")}`,
    );
  refusePrototypes(document);
  const parsed = storeSchema.safeParse(document);
  if (!parsed.success) throw new Error(faultOf(parsed.error));
  const store = parsed.data;
  if (hasPassword(store.url))
    throw new Error(
      "`url` has a password written out, and a secret is not copied into a model. Write an environment variable: `url: ${VECTORS_URL}`",
    );
  if (store.type === "pgvector" && store.efConstruction < 2 * store.links)
    throw new Error(
      `\`efConstruction\` is ${store.efConstruction}. pgvector needs at least twice \`links\`, which is ${2 * store.links}`,
    );
  const named = typeof store.tls === "object" ? store.tls : {};
  if ((named.cert === undefined) !== (named.key === undefined))
    throw new Error("`tls` has one of `cert` and `key` without the other");
  return Object.freeze(store);
}

/** zod drops these keys without a word, so that a condition would not find its attribute. @throws Error naming the record */
function refusePrototypes(record: object, at = ""): void {
  if (Object.hasOwn(record, "__proto__"))
    throw new Error(
      at === "attributes"
        ? "`attributes` has an attribute `__proto__`, a name that records of JavaScript cannot have. Rename it in the database, or leave it out"
        : `\`__proto__\` ${at === "" ? "" : `in \`${at}\` `}is not a field of this type`,
    );
  for (const [name, value] of Object.entries(record))
    if (typeof value === "object" && value !== null)
      refusePrototypes(value as object, at === "" ? name : `${at}.${name}`);
}

function faultOf({ issues }: z.ZodError): string {
  const [issue] = issues;
  const at = issue!.path.join(".");
  const keys = issue!.code === "unrecognized_keys" ? issue.keys.map(key => `\`${key}\``).join(", ") : "";
  if (keys !== "") return `${keys} ${at === "" ? "" : `in \`${at}\` `}is not a field of this type`;
  return `\`${at}\` ${issue!.message.startsWith("must") ? issue!.message : `is wrong: ${issue!.message}`}`;
}

/** `scheme://user:password@host`, where the password is not a reference. */
function hasPassword(url: string): boolean {
  const [, user] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/?#]*)@/is.exec(url) ?? [];
  const colon = user?.indexOf(":") ?? -1;
  return (colon >= 0 && !isReference(user!.slice(colon + 1))) || /[?&](password|token|api_?key)=/i.test(url);
}

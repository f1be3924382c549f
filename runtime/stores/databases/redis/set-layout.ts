/**
 * The layout of a vector set, in a key beside it: which attributes its items have, with which types. `merlon vectors load` writes it, and each
 * search compares it with the store's file, because conditions on attributes that items lack are false.
 */
import { z } from "zod";
import {
  ATTRIBUTE_DTYPES,
  type AttributeDType,
  type RedisVectorStore,
} from "../../../../formats/vectors/vector-store.js";
import { foreignText } from "../../../base/foreign-text.js";
import type { Refuse } from "../refusals.js";

/** A key beside the set. In a cluster it is in the same slot. */
export const besideKey = ({ key, redisType }: Pick<RedisVectorStore, "key" | "redisType">, name: string): string =>
  `${redisType === "redis_cluster" && !key.includes("{") ? `{${key}}` : key}:${name}`;

export const layoutKey = (store: Pick<RedisVectorStore, "key" | "redisType">): string => besideKey(store, "merlon");

/** The form of the layout. */
const VERSION = 1;

const layoutSchema = z.object({
  version: z.number(),
  ids: z.string(),
  attributes: z.record(z.string(), z.enum(ATTRIBUTE_DTYPES)),
});
export type Layout = z.output<typeof layoutSchema>;

const QUANTIZATION: Readonly<Record<RedisVectorStore["precision"], string>> = {
  full: "f32",
  int8: "int8",
  binary: "bin",
};

export const layoutText = ({ ids, attributes }: RedisVectorStore): string =>
  JSON.stringify({ version: VERSION, ids, attributes } satisfies Layout);

/** How to get rid of a set that differs. */
export const replaceWay = (store: RedisVectorStore): string =>
  `delete it (\`DEL ${store.key} ${layoutKey(store)}\`) and load it again.`;

/** @param text value of the layout's key @throws RuntimeFault for a set whose items lack what the file has */
export function checkLayout(store: RedisVectorStore, text: unknown, refuse: Refuse): Layout {
  const { key } = store;
  const layout = readLayout(text);
  if (!layout)
    throw refuse(
      `the vector set \`${key}\` was not written by \`merlon vectors load\`: \`${layoutKey(store)}\` is ${text === null ? "missing" : "not a layout"}`,
      `Load another \`key\`, or ${replaceWay(store)}`,
    );
  if (layout.version !== VERSION)
    throw refuse(`the vector set \`${key}\` was written by another version of Merlon`, `Then ${replaceWay(store)}`);
  if (layout.ids !== store.ids)
    throw refuse(
      `the ids of \`${key}\` are ${layout.ids}, and the file says ${store.ids}`,
      `Correct \`ids\`, or ${replaceWay(store)}`,
    );
  for (const [name, dtype] of Object.entries(store.attributes)) checkAttribute(store, layout, name, dtype, refuse);
  return layout;
}

function checkAttribute(
  store: RedisVectorStore,
  { attributes }: Layout,
  name: string,
  dtype: AttributeDType,
  refuse: Refuse,
): void {
  const has = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  if (has === undefined)
    throw refuse(
      `the items of \`${store.key}\` have no attribute \`${name}\``,
      `Correct \`attributes\`: theirs are ${
        Object.keys(attributes)
          .map(each => `\`${each}\``)
          .join(", ") || "none"
      }. Or ${replaceWay(store)}`,
    );
  if (has !== dtype)
    throw refuse(
      `attribute \`${name}\` of \`${store.key}\` is ${has}, and the file says ${dtype}`,
      `Correct \`attributes\`, or ${replaceWay(store)}`,
    );
}

function readLayout(text: unknown): Layout | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return layoutSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** @param dimension reply of VDIM @throws RuntimeFault */
export function checkDimension(store: RedisVectorStore, dimension: unknown, refuse: Refuse): void {
  if (dimension !== store.dimension)
    throw refuse(
      `the vectors of \`${store.key}\` have ${foreignText(String(dimension))} values, and the file says ${store.dimension}`,
      `Correct \`dimension\`, or ${replaceWay(store)}`,
    );
}

/** @param reply of VINFO @returns the number of links @throws RuntimeFault */
export function checkInfo(store: RedisVectorStore, reply: unknown, refuse: Refuse): number {
  const info = pairs(reply);
  const wanted = QUANTIZATION[store.precision];
  if (info.get("quant-type") !== wanted)
    throw refuse(
      `the vectors of \`${store.key}\` are ${foreignText(String(info.get("quant-type")))}, and \`precision: ${store.precision}\` is ${wanted}`,
      `Correct \`precision\`, or ${replaceWay(store)}`,
    );
  return Number(info.get("hnsw-m"));
}

/** @param reply of HELLO @returns the server's version @throws RuntimeFault for a server of another kind */
export function checkServer({ redisType }: RedisVectorStore, reply: unknown, refuse: Refuse): string {
  const hello = pairs(reply);
  const mode = String(hello.get("mode"));
  if (mode === "cluster" && redisType !== "redis_cluster")
    throw refuse("the server is a node of a cluster", "Write `redisType: redis_cluster`.");
  if (mode === "sentinel") throw refuse("the server is a sentinel", "Write `redisType: redis_sentinel`.");
  return foreignText(String(hello.get("version")));
}

const pairs = (reply: unknown): ReadonlyMap<unknown, unknown> => {
  const flat = reply as readonly unknown[];
  return new Map(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]));
};

/**
 * The same recommender as an engineer writes it by hand in Node, for this shop alone. Each stage is a function over typed arrays, or a call of the library
 * that does it. The reference for the served plan. It uses nothing of the runtime but our binding of FAISS, on request.
 *
 * Features are read from the store by better-sqlite3 and protobufjs (`store: "sqlite"`), or from arrays (`store: "memory"`). Searches use
 * faiss-node (`search: "faiss-node"`) or our binding (`search: "binding"`).
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as ort from "onnxruntime-node";
import { readVocabulary } from "../../../dist/operators/categorify/kernel-vocabulary.js";
import { memoryStore, sqliteStore } from "./raw-store.mjs";
import { ITEMS, USERS } from "./shop.mjs";

const require = createRequire(import.meta.url);
const ownBinding = fileURLToPath(new URL("../../../build/Release/merlon-faiss.node", import.meta.url));
export const hasBinding = existsSync(ownBinding);

/**
 * Names the implementation of a stage: a library if there is one for it, otherwise a loop over typed arrays for this shop alone.
 * A loop has no store to look into, no dtypes to tell apart, no nulls, no lists of other lengths and no seed that repeats.
 */
export function doneBy(stage, { store, search }) {
  const [, op] = stage.split(".");
  if (op === "predictOnnx") return "onnxruntime-node";
  if (op === "queryFaiss") return search === "binding" ? "FAISS, our binding" : "faiss-node";
  return op === "queryFeast" && store === "sqlite" ? "better-sqlite3, protobufjs" : "loop";
}

const TAKE = 10;
const TEMPERATURE = 20;
/** Ids of a vocabulary begin here; what is outside has the one before. */
const FIRST = 3;

/** @returns stages by the names that the plan has for them, in order, and the whole: ids of users → ids and scores, ten for each */
export async function openProgram(folder, { index, topk, store, search }) {
  const session = name => ort.InferenceSession.create(join(folder, `${name}.onnx`), { intraOpNumThreads: 1 });
  const [tower, ranker] = [await session("tower"), await session("ranker")];
  const features = store === "sqlite" ? sqliteStore(folder) : memoryStore(folder, { users: USERS, items: ITEMS });
  const searched = await openSearch(join(folder, `${index}.faiss`), search, topk);
  const [user, rank] = [workflow(folder, "user"), workflow(folder, "ranking")];
  const stages = {
    "user.queryFeast": s => {
      s.user = features.users(s.ids);
    },
    "tower.transformWorkflow": s => {
      s.feeds = { city: int64(user.encode.city(s.user.city)), age: user.normalise(s.user.age) };
    },
    "tower.predictOnnx": async s => {
      s.queries = (await tower.run(tensors(s.feeds))).query_embedding.data;
    },
    "retrieval.queryFaiss": s => {
      s.found = searched.search(s.queries, s.ids.length);
    },
    "filtering.filterCandidates": s => {
      s.left = withoutPurchased(s.found, topk, s.user.purchased);
    },
    "items.queryFeast": s => {
      s.items = features.items(s.left.ids);
    },
    "pairs.unrollFeatures": s => {
      s.pairs = { city: repeat(s.user.city, s.left.offsets), age: repeat(s.user.age, s.left.offsets) };
    },
    "ranking.transformWorkflow": s => {
      const { encode } = rank;
      s.feeds = {
        item_id: int64(encode.item_id(s.left.ids)),
        category: int64(encode.category(s.items.category)),
        brand: int64(encode.brand(s.items.brand)),
        city: int64(encode.city(s.pairs.city)),
        price: s.items.price.map(Math.log1p),
        age: rank.normalise(s.pairs.age),
      };
    },
    "ranking.predictOnnx": async s => {
      s.scores = (await ranker.run(tensors(s.feeds))).score.data;
    },
    "ordering.softmaxSampling": s => {
      s.answer = sample(s.left, s.scores);
    },
  };
  const steps = Object.values(stages);
  return {
    stages,
    async recommend(ids) {
      const state = { ids };
      for (const step of steps) {
        const running = step(state);
        if (running) await running;
      }
      return state.answer;
    },
    async close() {
      await tower.release();
      await ranker.release();
      features.close();
      searched.close();
    },
  };
}

async function openSearch(file, search, topk) {
  if (search === "faiss-node") {
    const index = require("faiss-node").Index.read(file);
    return { search: queries => Int32Array.from(index.search(Array.from(queries), topk).labels), close() {} };
  }
  const binding = require(ownBinding);
  const { handle } = await binding.open(file);
  return {
    search: (queries, count) => lowWords(binding.searchSync(handle, queries, count, topk).ids),
    close: () => binding.close(handle),
  };
}

/** Ids of this shop fit 32 bits. */
function lowWords(values) {
  const pairs = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  const low = new Int32Array(values.length);
  for (let i = 0; i < low.length; i++) low[i] = pairs[2 * i];
  return low;
}

/** A fitted workflow of the shop, with its vocabularies as tables by value. */
function workflow(folder, name) {
  const at = join(folder, "etl", name);
  const { steps } = JSON.parse(readFileSync(join(at, "workflow.json"), "utf8"));
  const all = steps.flatMap(step => step.parts ?? [step]);
  const { columns } = all.find(({ op }) => op === "categorify").state;
  const moments = all.find(({ op }) => op === "normalize").state.columns.age;
  const encode = Object.fromEntries(
    Object.entries(columns).map(([column, { vocabulary }]) => [column, encoder(readVocabulary(join(at, vocabulary)))]),
  );
  const normalise = values => values.map(value => (value - moments.mean) / moments.std);
  return { encode, normalise };
}

function encoder({ values }) {
  const known = lowWords(values);
  const table = new Int32Array(known.reduce((most, value) => Math.max(most, value), 0) + 1).fill(FIRST - 1);
  known.forEach((value, i) => {
    table[value] = i + FIRST;
  });
  return column => column.map(value => table[value] ?? FIRST - 1);
}

/** int32 that are not negative, as int64. */
function int64(values) {
  const wide = new BigInt64Array(values.length);
  const pairs = new Int32Array(wide.buffer);
  for (let i = 0; i < values.length; i++) pairs[2 * i] = values[i];
  return wide;
}

/** Columns as ONNX Runtime takes them: part of its call, as it is for the plan. */
function tensors(columns) {
  const made = {};
  for (const [name, values] of Object.entries(columns))
    made[name] = new ort.Tensor(values instanceof BigInt64Array ? "int64" : "float32", values, [values.length]);
  return made;
}

/** FAISS puts -1 where it found nothing. */
function withoutPurchased(found, k, purchased) {
  const ids = new Int32Array(found.length);
  const offsets = new Int32Array(purchased.length + 1);
  let n = 0;
  for (let row = 0; row < purchased.length; row++) {
    const seen = new Set(purchased[row]);
    for (let i = row * k; i < (row + 1) * k; i++) if (found[i] >= 0 && !seen.has(found[i])) ids[n++] = found[i];
    offsets[row + 1] = n;
  }
  return { ids: ids.subarray(0, n), offsets };
}

function repeat(values, offsets) {
  const made = new values.constructor(offsets[values.length]);
  for (let row = 0; row < values.length; row++) made.fill(values[row], offsets[row], offsets[row + 1]);
  return made;
}

/** The ten largest of T·s + Gumbel noise. */
function sample({ ids, offsets }, scores) {
  const rows = offsets.length - 1;
  const [chosen, best] = [new BigInt64Array(rows * TAKE), new Float32Array(rows * TAKE)];
  const pairs = new Int32Array(chosen.buffer);
  const keys = new Float64Array(TAKE);
  const places = new Int32Array(TAKE);
  for (let row = 0; row < rows; row++) {
    let held = 0;
    for (let i = offsets[row]; i < offsets[row + 1]; i++) {
      const key = TEMPERATURE * scores[i] - Math.log(-Math.log(Math.random()));
      if (held === TAKE && key <= keys[TAKE - 1]) continue;
      let at = held < TAKE ? held++ : TAKE - 1;
      for (; at > 0 && key > keys[at - 1]; at--) {
        keys[at] = keys[at - 1];
        places[at] = places[at - 1];
      }
      keys[at] = key;
      places[at] = i;
    }
    for (let j = 0; j < held; j++) {
      pairs[2 * (row * TAKE + j)] = ids[places[j]];
      best[row * TAKE + j] = scores[places[j]];
    }
  }
  return { ids: chosen, scores: best };
}

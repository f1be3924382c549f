/** User rows → the `topk` items with the largest inner product of factors, best first, as child rows. */
import { type ImplicitFactors, readImplicitFactors } from "../../formats/tables/implicit.js";
import { type Column, childRows } from "../../runtime/base/columns/table.js";
import { words } from "../../runtime/base/columns/words.js";
import { invalid, RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { excludedIds } from "../../runtime/stores/vectors/excluded-ids.js";
import { openVectors } from "../../runtime/stores/vectors/open-index.js";
import { longRow } from "../../runtime/stores/vectors/unit-length.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";

export const predictImplicit: Kernel<"predictImplicit"> = {
  prepare: async (step, context) => {
    const path = artefactFile(context.folder, step.artefacts.factors);
    const factors = readFactors(path);
    const { items, dimension, itemFactors } = factors;
    const ids = BigInt64Array.from({ length: items }, (_, i) => BigInt(i));
    const odd = longRow(itemFactors, dimension, Number.MAX_VALUE ** 0.5);
    if (odd >= 0) throw invalid(`${path}: the factors of item ${odd} are not finite numbers. Train the model again.`);
    const index = await openVectors({ vectors: itemFactors, ids, dimension, metric: "ip" }, path);
    const k = Math.min(step.params.topk, items);
    const name = step.inputs.input[0].name;
    return {
      run: async (inputs, { signal }) => {
        const users = inputs.input[0];
        const places = userRows(users, factors.users);
        const known = places.reduce((n, place) => (place < 0 ? n : n + 1), 0);
        if (known < places.length && step.params.onMissing === "error") {
          const row = places.indexOf(-1);
          throw new RuntimeFault(
            "NOT_FOUND",
            `column \`${name}\`: ${users.validity?.[row] === 0 ? "null" : users.values[row]} (row ${row}) is not a row of \`${step.params.path}\`, which has ${factors.users} users. Use \`onMissing: "empty"\`, or a \`fallback\`.`,
          );
        }
        const excluded = inputs.exclude?.[0] && excludedIds(inputs.exclude[0], users.rows);
        const queries = userVectors(factors, places);
        const hits =
          known === 0
            ? { ids: new BigInt64Array(0), distances: new Float32Array(0), offsets: new Int32Array(places.length + 1) }
            : onlyKnown(await index.search(queries, places.length, k, excluded, signal), places);
        const rows = childRows(users.rows, hits.offsets);
        return [
          { dtype: "int64", rows, values: hits.ids },
          { dtype: "float32", rows, values: hits.distances },
        ];
      },
      close: () => index.close(),
    };
  },
};

function readFactors(path: string): ImplicitFactors {
  try {
    return readImplicitFactors(path);
  } catch (error) {
    throw invalid((error as Error).message, { cause: error });
  }
}

/** Row of the matrix per user; −1 for a null and for what the matrix does not have. */
function userRows({ values, validity, rows }: Column, users: number): Int32Array {
  const places = new Int32Array(rows.count).fill(-1);
  const pairs = values instanceof BigInt64Array ? words(values) : undefined;
  for (let i = 0; i < places.length; i++) {
    if (validity?.[i] === 0) continue;
    const place = pairs ? (pairs[2 * i + 1] === 0 ? pairs[2 * i]! : -1) : (values[i] as number);
    if (place >= 0 && place < users) places[i] = place;
  }
  return places;
}

/** Zeros for a user who is not there: the answer to that query is thrown away. */
function userVectors({ userFactors, dimension }: ImplicitFactors, places: Int32Array): Float32Array<ArrayBuffer> {
  const vectors = new Float32Array(places.length * dimension);
  places.forEach((place, i) => {
    if (place >= 0) vectors.set(userFactors.subarray(place * dimension, (place + 1) * dimension), i * dimension);
  });
  return vectors;
}

interface Found {
  readonly ids: BigInt64Array;
  readonly distances: Float32Array;
  readonly offsets: Int32Array;
}

function onlyKnown(hits: Found, places: Int32Array): Found {
  if (!places.includes(-1)) return hits;
  const offsets = new Int32Array(places.length + 1);
  places.forEach((place, i) => {
    offsets[i + 1] = offsets[i]! + (place < 0 ? 0 : hits.offsets[i + 1]! - hits.offsets[i]!);
  });
  const ids = new BigInt64Array(offsets[places.length]);
  const distances = new Float32Array(ids.length);
  places.forEach((place, i) => {
    if (place < 0) return;
    ids.set(hits.ids.subarray(hits.offsets[i], hits.offsets[i + 1]), offsets[i]);
    distances.set(hits.distances.subarray(hits.offsets[i], hits.offsets[i + 1]), offsets[i]);
  });
  return { ids, distances, offsets };
}

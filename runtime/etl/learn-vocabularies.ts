/** A `categorify` step and a view → its vocabularies, learned or given, as files of the fitted folder, and its state. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Encoding, encodings, optionOf } from "../../contract/categorify-columns.js";
import { type PathInside, pathInside } from "../../contract/files/path-inside.js";
import type { OpState } from "../../contract/op-state.js";
import type { Step } from "../../contract/plan.js";
import { sumOfValues, vocabularyColumns, vocabularyParts } from "../../operators/categorify/kernel-vocabulary.js";
import { fittedTableParts } from "../../operators/shared/kernel/fitted-table.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Engine } from "./engine.js";
import { givenVocabulary } from "./given-vocabulary.js";
import type { Learning } from "./learning.js";
import type { SqlColumn } from "./sql/sql-column.js";
import { learnVocabulary } from "./vocabulary-table.js";

type State = OpState["categorify"]["columns"][string];
type Report = (doing: string) => (fraction: number) => void;

/**
 * @param base folder that given files are relative to
 * @param taken names of vocabulary files that the fit has written; the step's are added
 */
export async function learnVocabularies(
  learning: Learning,
  step: Step<"categorify">,
  base: string,
  taken: Set<string>,
  report: Report,
): Promise<OpState["categorify"]> {
  const { folder, layers } = learning;
  const refs = step.inputs.input;
  const sourceOf = (name: string): SqlColumn => layers.find(refs.find(ref => ref.name === name)!)!;
  const encoded = encodings(
    step.params,
    refs.map(ref => ref.name),
  );
  await mkdir(join(folder, "categories"), { recursive: true });
  const distinct = encoded.filter((one, i) => encoded.findIndex(other => other.vocabulary === one.vocabulary) === i);
  const named = distinct.map(one => ({ one, file: vocabularyFile(taken, one.vocabulary, step.id) }));
  const learnt = named.map(async ({ one, file }): Promise<[string, State]> => {
    // All columns of a group that the plan still has share one vocabulary.
    const columns = encoded.filter(other => other.vocabulary === one.vocabulary).flatMap(other => other.columns);
    const unit = `vocabulary ${one.vocabulary} of ${step.id}`;
    const { count, sum } = await learning.journal.remember(unit, [file], async () => {
      const sources = columns.map(sourceOf);
      const onFraction = report(`vocabulary of ${one.vocabulary}`);
      const made = await makeVocabulary(learning, step, one, sources, base, onFraction);
      // The disk works beside the next statements.
      await writeFile(join(folder, file), made.parts, { flush: true });
      return { count: made.count, sum: made.sum };
    });
    return [one.vocabulary, { vocabulary: file, cardinality: 2 + one.numBuckets + count, sum }];
  });
  const known = new Map(await Promise.all(learnt));
  const states = step.params.singleTable ? stacked(known) : known;
  return { columns: Object.fromEntries(encoded.map(one => [one.output, states.get(one.vocabulary)!])) };
}

interface Made {
  /** The file, part by part. */
  readonly parts: readonly Uint8Array[];
  /** Values, or tuples. */
  readonly count: number;
  /** See `sumOfValues`. */
  readonly sum: string;
}

async function makeVocabulary(
  learning: Learning,
  step: Step<"categorify">,
  { columns, vocabulary: name, numBuckets }: Encoding,
  sources: readonly SqlColumn[],
  base: string,
  onFraction: (fraction: number) => void,
): Promise<Made> {
  const { engines, files, layers } = learning;
  const freqThreshold = optionOf(step.params.freqThreshold, name, 0);
  const maxSize = optionOf(step.params.maxSize, name, 0);
  const limits = { freqThreshold, maxSize, numBuckets };
  if (columns.length > 1)
    return engines.run(engine => learnTuples({ ...learning, engine }, sources, name, limits, onFraction));
  const given = step.params.vocabs[name];
  // Later steps join with the table, and the enum of a list's texts is made of it.
  const isReadAgain = learning.isReadAgain(step) || sources.some(({ list }) => list !== undefined);
  const unit = { stepId: step.id, column: name, view: layers.viewOf(sources), isReadAgain, rows: learning.totalRows };
  const vocabulary =
    given === undefined
      ? await engines.run(engine => learnVocabulary(engine, unit, sources, limits, onFraction))
      : await files.run(database =>
          givenVocabulary(database, given, { step: step.id, name, dtype: sources[0]!.dtype, base }),
        );
  const sum = sumOfValues(vocabularyColumns(vocabulary));
  return { parts: vocabularyParts(vocabulary), count: vocabulary.counts.length, sum };
}

/** Tuples by falling count, then by their values, null first; one of nulls alone is null. */
async function learnTuples(
  { engine, layers }: Learning & { readonly engine: Engine },
  sources: readonly SqlColumn[],
  name: string,
  { freqThreshold, maxSize, numBuckets }: { freqThreshold: number; maxSize: number; numBuckets: number },
  onFraction: (fraction: number) => void,
): Promise<Made> {
  const keys = sources.map(({ sql, dtype }, i) => {
    // -0 and 0 are one value.
    const zero = datatype(dtype).kind === "float" ? " + 0" : "";
    return { name: `key ${i}`, alias: `c${i}`, sql: `${sql}${zero}`, dtype };
  });
  const kept = freqThreshold > 1 ? ` HAVING count(*) >= ${freqThreshold}` : "";
  const limit = maxSize > 0 ? ` LIMIT ${Math.max(0, maxSize - 2 - numBuckets)}` : "";
  const select = keys.map(key => `CAST(${key.sql} AS ${engine.sql.type(key.dtype)}) AS ${key.alias}`).join(", ");
  const found = await engine.packed(
    `SELECT ${select}, count(*) AS c${keys.length}
     FROM ${layers.viewOf(sources)} WHERE NOT (${keys.map(key => `${key.sql} IS NULL`).join(" AND ")}) GROUP BY ${keys.map((_, i) => i + 1).join(", ")}${kept}
     ORDER BY c${keys.length} DESC, ${keys.map(key => `${key.alias} NULLS FIRST`).join(", ")}${limit}`,
    [...keys.map(key => key.dtype), "int64"],
    `counting the tuples of ${name}`,
    { onFraction },
  );
  const tuples = Object.fromEntries(found.map((column, i) => [keys[i]?.name ?? "count", column] as const));
  const count = (found.at(-1)!.values as BigInt64Array).length;
  return { parts: fittedTableParts(tuples), count, sum: sumOfValues(tuples) };
}

/** One table for all: the ids of a vocabulary, from that of null on, begin behind those of the last; 0 pads everywhere. */
function stacked(states: ReadonlyMap<string, State>): ReadonlyMap<string, State> {
  const table = 1 + [...states.values()].reduce((sum, { cardinality }) => sum + cardinality - 1, 0);
  let offset = 0;
  return new Map(
    [...states].map(([name, state]) => {
      const placed = { ...state, offset, table };
      offset += state.cardinality - 1;
      return [name, placed];
    }),
  );
}

/** `categories/unique.brand.arrow`; the step's id tells apart two vocabularies of one name. */
function vocabularyFile(taken: Set<string>, name: string, stepId: string): PathInside {
  const safe = (part: string) => encodeURIComponent(part).replaceAll("*", "%2A");
  const plain = `categories/unique.${safe(name)}.arrow`;
  const file = taken.has(plain) ? `categories/unique.${safe(name)}.${safe(stepId)}.arrow` : plain;
  taken.add(file);
  return pathInside(file);
}

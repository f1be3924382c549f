/** `merlon stamp`: notes in a model's file which vocabularies and which index belong to it. */
import { readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { Command } from "commander";
import { readNamed } from "../contract/files/file-fault.js";
import { replaceFile } from "../contract/files/replace-file.js";
import type { TrainedColumn } from "../formats/merlin-schema/trained-on.js";
import { printTable } from "./print-table.js";

interface Options {
  readonly workflow?: string;
  readonly input: readonly string[];
  readonly index?: string;
}

export const stampCommand = (): Command =>
  new Command("stamp")
    .description("note the fit and the index that a model was trained with in its file")
    .argument("<model>", "*.onnx, a model of XGBoost (JSON) or LightGBM (text)")
    .option("--workflow <folder>", "fitted workflow that made the training data")
    .option("--input <tensor=column...>", "inputs whose names differ from the workflow's columns", [])
    .option("--index <file>", "FAISS index of a tower's items")
    .addHelpText(
      "after",
      `
Run it when a model is exported. \`merlon check\` and \`merlon build\` then refuse another fit's workflow before the model, and
another training's index after it. A model that reads several workflows is stamped once for each.

Examples:
  $ merlon stamp models/query_tower.onnx --workflow etl/user --index index/items.faiss
  $ merlon stamp models/ranker.onnx --workflow etl/ranking --input user=user_id item=item_id
  $ merlon stamp models/forest.json --workflow etl/ranking`,
    )
    .action(async (model: string, options: Options) => {
      if (options.workflow === undefined && options.index === undefined)
        throw new Error("give `--workflow` or `--index`: there is nothing to note otherwise.");
      const bytes = readNamed("the model", model, path => readFileSync(path));
      const rows = model.endsWith(".onnx")
        ? await stampOnnx(model, bytes, options)
        : await stampTrees(model, bytes, options);
      process.stdout.write(`✔ Stamped ${model}\n${printTable(rows)}`);
    });

type Rows = string[][];

async function stampOnnx(model: string, bytes: Uint8Array, { workflow, input, index }: Options): Promise<Rows> {
  const { readOnnxSignature, INDEX_SAMPLE, SIMILARITY } = await import("../formats/onnx/onnx.js");
  const { readNotes, withNotes } = await import("../formats/onnx/onnx-notes.js");
  const { readTrained, TRAINED_ON } = await import("../formats/merlin-schema/trained-on.js");
  const { inputs } = readOnnxSignature(bytes, model);
  const notes = new Map<string, string>();
  const rows: Rows = [];
  if (workflow !== undefined) {
    const known = new Set(inputs.map(({ name }) => name.replace(/__(values|offsets)$/, "")));
    const columns = await columnsOf(model, workflow, known, input);
    const before = readTrained(readNotes(bytes).get(TRAINED_ON) ?? "");
    notes.set(TRAINED_ON, JSON.stringify(united(before, columns)));
    rows.push(...columns.map(row));
  }
  if (index !== undefined) {
    const { indexNotes } = await import("./stamp-index.js");
    const { similarity, sample } = indexNotes(index);
    notes.set(SIMILARITY, similarity);
    notes.set(INDEX_SAMPLE, JSON.stringify(sample));
    rows.push([
      index,
      similarity,
      sample.length > 0 ? `${sample.length} items` : "no items: it keeps codes of vectors",
    ]);
  }
  replaceFile(realpathSync(model), withNotes(bytes, notes));
  return rows;
}

async function stampTrees(model: string, bytes: Uint8Array, { workflow, input, index }: Options): Promise<Rows> {
  const { readForest } = await import("../compiler/forest/read-forest.js");
  const { stampForest } = await import("../compiler/forest/stamp-forest.js");
  if (index !== undefined || workflow === undefined) throw new Error("`--index` is for towers, which are ONNX files.");
  const { names } = readForest(model);
  const columns = await columnsOf(model, workflow, names.length > 0 ? new Set(names) : undefined, input);
  replaceFile(realpathSync(model), stampForest(bytes, JSON.stringify(columns), basename(model)));
  return columns.map(row);
}

/**
 * The workflow's columns that the model reads, under the model's names.
 * @param known names of the model's inputs; undefined if its file has none
 * @throws Error if there is nothing to note
 */
async function columnsOf(
  model: string,
  workflow: string,
  known: ReadonlySet<string> | undefined,
  input: readonly string[],
): Promise<readonly TrainedColumn[]> {
  const { fittedColumns } = await import("../formats/folders/fitted-columns.js");
  const made = fittedColumns(workflow);
  const columnOf = (name: string): TrainedColumn => {
    const column = made.get(name);
    if (!column) throw new Error(`${workflow} has no column \`${name}\`. It has ${[...made.keys()].join(", ")}.`);
    return column;
  };
  const named = input.flatMap(text => {
    const [, tensor, columns] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (tensor === undefined || columns === undefined)
      throw new Error(`--input ${text}: write TENSOR=COLUMN, or TENSOR=COLUMN,COLUMN for a stacked one.`);
    if (known && !known.has(tensor))
      throw new Error(`${model} has no input \`${tensor}\`. It has ${[...known].join(", ")}.`);
    const list = columns.split(",");
    return list.map(name => ({ ...columnOf(name), name: list.length === 1 ? tensor : name }));
  });
  const taken = new Set(named.map(({ name }) => name));
  const own = [...made.values()].filter(({ name }) => !taken.has(name) && (known?.has(name) ?? true));
  const all = [...named, ...own].filter(({ cardinality }) => cardinality !== null);
  if (!all.some(({ vocabulary }) => vocabulary))
    throw new Error(
      `no input of ${model} has the name of a column of ${workflow} with a vocabulary. Inputs: ${[...(known ?? [])].join(", ")}. Columns with a vocabulary: ${
        [...made.values()].flatMap(({ name, vocabulary }) => (vocabulary ? [name] : [])).join(", ") ||
        "none (fit it again, if it was fitted by an older version)"
      }. Name them with \`--input TENSOR=COLUMN\`.`,
    );
  return all;
}

/** Columns of another workflow stay. */
const united = (before: readonly TrainedColumn[], now: readonly TrainedColumn[]): readonly TrainedColumn[] => [
  ...before.filter(({ name }) => !now.some(one => one.name === name)),
  ...now,
];

const row = ({ name, cardinality, vocabulary }: TrainedColumn): string[] => [
  name,
  `${cardinality?.toLocaleString("en-US")} ids`,
  vocabulary ? vocabulary.slice(0, "sha256:".length + 12) : "no vocabulary",
];

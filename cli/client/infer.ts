/** `merlon client infer MODEL`: one request and its answer. */
import { Command } from "commander";
import { lists, type Tensor } from "../../runtime/client/index.js";
import type { CandidateStory } from "../../runtime/engine/explain/explain-candidates.js";
import { type ConnectionOptions, connected, printJson, withClient } from "./connection.js";
import { halfOf } from "./pairs.js";
import { finders, printScores, printStories, readStories } from "./print-stories.js";
import { inferOptions, type RequestOptions, readInputs, requested } from "./request.js";
import { template } from "./template.js";

export const inferCommand = (): Command =>
  connected(requested(new Command("infer").description("run a model and print its outputs")))
    .option("--why-not <item>", "explain one item by its id or name")
    .option("--template", "print a request to fill in, for --data")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon client infer recommend user_id=7,8 --param seed=1
  $ merlon client infer recommend user_id=7 --param explain=true           # what became of each candidate
  $ merlon client infer recommend user_id=7 --why-not 512                  # its sources, and the step that dropped it
  $ merlon client infer next user_id=7,8 'bought=[[1,2],[]]'
  $ merlon client infer ranker --data '{"ids": [[1, 2]], "text": ["a"]}'
  $ merlon client infer ranker --rows events.parquet --limit 100 --json
  $ merlon client infer ocr image=@page.png`,
    )
    .action(
      async (
        model: string,
        words: string[],
        options: ConnectionOptions & RequestOptions & { readonly template?: true; readonly whyNot?: string },
      ) => {
        await withClient(options, async client => {
          if (options.template) {
            process.stdout.write(printJson(template(await client.modelMetadata(model, options.version))));
            return;
          }
          const inputs = await readInputs(client, model, words, options);
          const began = performance.now();
          const { whyNot, param } = options;
          const explained = whyNot === undefined ? options : { ...options, param: { ...param, explain: true } };
          const answer = await client.answer(model, inputs as never, inferOptions(explained));
          const took = performance.now() - began;
          if (options.json) process.stdout.write(printJson(jsonAnswer(answer)));
          else {
            process.stdout.write(
              `${answer.model || model} ${answer.version}  ${took.toFixed(1)} ms${answer.id ? `  id ${answer.id}` : ""}\n`,
            );
            process.stdout.write(printOutputs(answer.outputs));
            for (const [key, value] of Object.entries(answer.parameters)) {
              if (key === "explain" && whyNot !== undefined) continue;
              const stories = key === "explain" ? printStories(value) : undefined;
              const unit = key.startsWith("timing.") ? " µs" : "";
              process.stdout.write(stories === undefined ? `${key} = ${value}${unit}\n` : `${key}\n${stories}`);
            }
            if (whyNot !== undefined)
              process.stdout.write(`why not ${JSON.stringify(whyNot)}\n${printWhyNot(whyNot, answer.parameters)}`);
          }
        });
      },
    );

interface AnswerLike {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export const jsonAnswer = ({ outputs, model, version, id, parameters }: AnswerLike): object => ({
  model,
  version,
  ...(id && { id }),
  ...(Object.keys(parameters).length > 0 && { parameters }),
  outputs: Object.fromEntries(
    Object.values(outputs).map(tensor => [
      tensor.name,
      { datatype: tensor.datatype, shape: tensor.shape, data: nested(tensor) },
    ]),
  ),
});

/** BYTES that are not text are printed as base64. */
function nested(tensor: Tensor): unknown {
  try {
    return tensor.nested();
  } catch {
    return tensor.bytes().map(bytes => Buffer.from(bytes).toString("base64"));
  }
}

const MOST_SHOWN = 12;

/** A line per row of each output, with its first elements; a ragged column is one output. */
export const printOutputs = (outputs: Readonly<Record<string, Tensor>>): string =>
  Object.values(outputs)
    .map(tensor => {
      const { name, datatype, shape } = tensor;
      const column = halfOf(name, Object.values(outputs));
      if (column === undefined)
        return printRows(
          `${name}  ${datatype} [${shape.join(", ")}]`,
          shape.length > 1 ? tensor.rows() : [tensor.data],
          datatype,
        );
      if (name.endsWith("__offsets")) return "";
      const rows = lists(outputs as never, column) as ArrayLike<unknown>[];
      return printRows(`${column}  ${datatype}, ${rows.length} rows`, rows, datatype);
    })
    .join("");

function printRows(head: string, rows: readonly ArrayLike<unknown>[], datatype: string): string {
  const lines = rows.slice(0, MOST_SHOWN).map(row => {
    const shown = Array.from({ length: Math.min(row.length, MOST_SHOWN) }, (_, i) => printItem(row[i], datatype));
    return `  ${shown.join(", ") || "–"}${row.length > MOST_SHOWN ? `, … ${row.length} in all` : ""}\n`;
  });
  return `\n${head}\n${lines.join("")}${rows.length > MOST_SHOWN ? `  … ${rows.length} rows in all\n` : ""}`;
}

/** An FP32 in as few digits as distinguish it from the next one. */
function printItem(item: unknown, datatype: string): string {
  if (datatype !== "FP32" || typeof item !== "number" || !Number.isFinite(item)) return String(item);
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(item.toPrecision(digits));
    if (Math.fround(short) === item) return String(short);
  }
  return String(Number(item.toPrecision(9)));
}

/**
 * @param item its id, or its name in the response
 * @param parameters of the response
 * @throws Error for a response without explanations
 */
function printWhyNot(item: string, parameters: Readonly<Record<string, unknown>>): string {
  const rows = readStories(parameters.explain);
  if (!rows)
    throw new Error(
      "the response does not explain its candidates: `--why-not` needs a model that `merlon build` wrote, on a Merlon server.",
    );
  const leftOut = Object.entries(parameters).filter(([key]) => key.startsWith("left_out."));
  const late = leftOut.map(([key, reason]) => `    ${key.slice("left_out.".length)} was left out: ${String(reason)}\n`);
  const empty = Object.entries(parameters)
    .filter(([key]) => key.startsWith("empty."))
    .map(([key, lack]) => `    ${key.slice("empty.".length)}: ${String(lack)}, for a minute\n`);
  return rows.map((stories, row) => `  row ${row}: ${whyNot(item, stories)}${late.join("")}${empty.join("")}`).join("");
}

function whyNot(item: string, stories: readonly CandidateStory[]): string {
  const story = stories.find(({ id }) => String(id) === item) ?? stories.find(({ name }) => name === item);
  const shown = JSON.stringify(item);
  const sources = [...new Set(stories.flatMap(one => finders(one).map(({ from }) => from)))];
  const lines = sources.map(source => {
    const own = story && finders(story).find(({ from }) => from === source);
    const count = stories.filter(one => finders(one).some(({ from }) => from === source)).length;
    return `    ${source} ${own ? `found it as ${own.rank} of ${count}` : `found ${count} others, and not this item`}\n`;
  });
  if (!story)
    return `${shown} was found by no source${sources.length === 0 ? ": there are no candidates" : ""}\n${lines.join("")}`;
  const scores = printScores(story).map(score => `    ${score}\n`);
  return `${shown} ${endOf(story)}\n${[...lines, ...scores].join("")}`;
}

const endOf = ({ place, droppedBy }: CandidateStory): string =>
  place !== undefined
    ? `is in the response, at place ${place}`
    : droppedBy === undefined
      ? "was kept by all steps"
      : `was dropped by ${droppedBy}`;

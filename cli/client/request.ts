/** The options that make a request: values from words, JSON, files and rows of Parquet → inputs. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { readNamed } from "../../contract/files/file-fault.js";
import type { Client, ModelMetadata } from "../../runtime/client/index.js";
import type { InferOptions } from "../../runtime/client/public.js";
import { names } from "../names.js";
import { pairsOf, withPairs } from "./pairs.js";

export interface RequestOptions {
  readonly data?: string;
  readonly rows?: string;
  readonly limit: number;
  readonly param?: InferOptions["parameters"];
  readonly id?: string;
  readonly version?: string;
  readonly outputs?: string[];
  readonly sequence?: string;
}

/** A word as the value that it looks like; anything else is a text. */
const literal = (text: string): unknown => {
  try {
    return parse(text);
  } catch {
    return text;
  }
};

/** Integers that a number can't hold stay exact. */
const parse = (text: string): unknown =>
  JSON.parse(
    text.replace(/"(?:[^"\\]|\\.)*"?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, token =>
      /^-?\d{16,}$/.test(token) ? `"\\u0000${token}"` : token,
    ),
    (_, value) => (typeof value === "string" && value.startsWith("\u0000") ? BigInt(value.slice(1)) : value),
  );

const parameter = (
  value: string,
  all: NonNullable<InferOptions["parameters"]> = {},
): NonNullable<InferOptions["parameters"]> => {
  const at = value.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Write it as name=value.");
  const read = literal(value.slice(at + 1));
  return { ...all, [value.slice(0, at)]: typeof read === "object" ? value.slice(at + 1) : (read as string) };
};

/** Adds the options of a request to a command. */
export const requested = (command: Command): Command =>
  command
    .argument("<model>")
    .argument("[inputs...]", "name=value: a value, a list 1,2,3, JSON, or @file (JSON, else bytes)")
    .option("-d, --data <json>", "inputs by name as JSON (a ragged column as lists; @file, or @- for standard input)")
    .option("--rows <file>", "rows for the inputs, one column each (Parquet, CSV or JSON lines)")
    .option("--limit <n>", "how many rows of the file", value => Number.parseInt(value, 10), 8)
    .option("-p, --param <name=value>", "a request parameter; may be repeated", parameter)
    .option("--id <id>", "the request's id")
    .option("--version <v>", "which version of the model")
    .option("-o, --outputs <names>", "which outputs, separated by commas", names)
    .option("--sequence <id[:start|:end]>", "the sequence that the request belongs to");

export function inferOptions({ param, id, version, outputs, sequence }: RequestOptions): InferOptions {
  const [key, ...marks] = sequence?.split(":") ?? [];
  return {
    ...(param && { parameters: param }),
    ...(id && { requestId: id }),
    ...(version && { version }),
    ...(outputs && { outputs }),
    ...(key && {
      sequence: {
        id: /^\d+$/.test(key) ? BigInt(key) : key,
        start: marks.includes("start"),
        end: marks.includes("end"),
      },
    }),
  };
}

/** Inputs of a request. @throws Error that says what is wrong with which word */
export async function readInputs(
  client: Client,
  model: string,
  words: readonly string[],
  options: RequestOptions,
): Promise<Record<string, unknown>> {
  const data = options.data ? readData(options.data) : {};
  const declared = await client.modelMetadata(model, options.version);
  const inputs: Record<string, unknown> = {};
  if (options.rows) {
    const { fromRows } = await import("../../runtime/client/rows.js");
    Object.assign(inputs, fromRows(await readRows(options.rows, declared, options.limit), declared));
  }
  Object.assign(inputs, data);
  for (const word of words) {
    const at = word.indexOf("=");
    if (at < 1) throw new Error(`"${word}": write inputs as name=value`);
    const name = word.slice(0, at);
    const input = declared.inputs.find(one => one.name === name);
    inputs[name] = readWord(word.slice(at + 1), input?.datatype ?? pairsOf(declared.inputs).get(name));
  }
  return withPairs(inputs, declared.inputs);
}

/** The inputs that `--data` holds: JSON, `@FILE`, or `@-` for the standard input. */
function readData(data: string): object {
  const text = data.startsWith("@")
    ? data === "@-"
      ? readFileSync(0, "utf8")
      : readNamed("--data", data.slice(1), file => readFileSync(file, "utf8"))
    : data;
  let found: unknown;
  try {
    found = parse(text);
  } catch (error) {
    throw new Error(`--data is not JSON: ${(error as Error).message}`);
  }
  if (typeof found !== "object" || found === null || Array.isArray(found))
    throw new Error('--data is an object of inputs by name, such as {"user_id": [7]}');
  return found;
}

function readWord(text: string, datatype: string | undefined): unknown {
  if (text.startsWith("@")) {
    const bytes = readNamed("the input", text.slice(1), file => readFileSync(file));
    return /\.json$/.test(basename(text))
      ? parse(bytes.toString("utf8"))
      : datatype === "BYTES"
        ? [new Uint8Array(bytes)]
        : new Uint8Array(bytes);
  }
  const read = literal(text);
  if (datatype === "BYTES" && typeof read !== "string" && !Array.isArray(read)) return text;
  if (typeof read !== "string" || datatype === undefined || datatype === "BYTES" || !text.includes(",")) return read;
  return text.split(",").map(literal);
}

/** The columns that the model has inputs for. */
async function readRows(file: string, { inputs }: ModelMetadata, limit: number): Promise<Record<string, unknown>[]> {
  const { openDatabase } = await import("../../runtime/etl/database.js");
  const { findData } = await import("../../runtime/etl/data-source.js");
  const database = await openDatabase();
  try {
    const { files, format } = await findData(database, file);
    const reader = { parquet: "read_parquet", csv: "read_csv", json: "read_json", arrow: undefined, table: undefined }[
      format
    ];
    if (!reader) throw new Error(`${file}: rows are read from Parquet, CSV and JSON lines, not from ${format}`);
    const relation = `${reader}([${files.map(path => `'${path.replaceAll("'", "''")}'`).join(", ")}])`;
    const described = await database.rows(`DESCRIBE SELECT * FROM ${relation}`, `reading ${file}`);
    const there = new Set(described.map(row => String(row[0])));
    const columns = new Map(
      inputs.flatMap(({ name, datatype }) =>
        [name, name.replace(/__values$/, "")].map(column => [column, datatype] as const),
      ),
    );
    const wanted = [...columns.keys()].filter(name => there.has(name));
    if (wanted.length === 0)
      throw new Error(
        `${file} has no column for any input: it has ${[...there].join(", ")}; the model takes ${inputs.map(({ name }) => name).join(", ")}`,
      );
    const quoted = wanted.map(name => `"${name.replaceAll('"', '""')}"`).join(", ");
    const rows = await database.rows(`SELECT ${quoted} FROM ${relation} LIMIT ${limit}`, `reading ${file}`);
    const exact = (cell: unknown, datatype: string): unknown =>
      Array.isArray(cell)
        ? cell.map(item => exact(item, datatype))
        : typeof cell === "string" && datatype.includes("INT")
          ? BigInt(cell)
          : cell;
    return rows.map(row => Object.fromEntries(wanted.map((name, c) => [name, exact(row[c], columns.get(name)!)])));
  } finally {
    await database.close();
  }
}

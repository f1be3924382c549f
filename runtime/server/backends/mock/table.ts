/**
 * A table of known requests: the row that fits a request, or each row of it, decides the answer.
 */
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { invalid, RuntimeFault } from "../../../base/errors.js";
import type { BackendRequest } from "../../contract.js";
import type { TableRow } from "./settings.js";
import { backendDims, type MockTensor, readTensor, type TensorValue, writeTensor } from "./tensor-values.js";

type Values = Readonly<Record<string, TensorValue>>;

/** The result of the table: values by output, several for a stream, or a fault; undefined if no row matches. */
export type Found = { readonly answers: readonly Values[] } | RuntimeFault | undefined;

export type FindInTable = (request: BackendRequest) => Found;

/** @throws RuntimeFault for a row that names an input or output which the model does not have */
export function createTable(rows: readonly TableRow[], config: ModelConfig, where: string): FindInTable {
  const names = (side: "input" | "output"): ReadonlySet<string> => new Set(config[side].map(({ name }) => name));
  const known = { input: names("input"), output: names("output") };
  const check = (side: "input" | "output", given: Values | undefined, i: number): void => {
    for (const name of Object.keys(given ?? {}))
      if (!known[side].has(name))
        throw invalid(
          `${where}: table.${i} names the ${side} '${name}', and model '${config.name}' has ${[...known[side]].map(text => `'${text}'`).join(", ")}`,
        );
  };
  rows.forEach(({ inputs, outputs, answers }, i) => {
    check("input", inputs, i);
    for (const given of [outputs, ...(answers ?? [])]) check("output", given, i);
  });
  const wanted = rows.map(row => Object.entries(row.inputs).map(([name, value]) => [name, texts(value)] as const));
  const find = (inputs: ReadonlyMap<string, readonly string[]>): TableRow | undefined =>
    rows[wanted.findIndex(row => row.every(([name, value]) => inputs.get(name)?.join("\n") === value.join("\n")))];
  const batching = config.max_batch_size > 0;
  return request => {
    const tensors = [...request.inputs].map(([name, tensor]) => [name, readTensor(tensor)] as const);
    if (!batching) {
      const row = find(new Map(tensors.map(([name, tensor]) => [name, texts(tensor.data)])));
      return row && (faultOf(row) ?? { answers: row.answers ?? [row.outputs ?? {}] });
    }
    const found: TableRow[] = [];
    for (let i = 0; i < request.batch; i++) {
      const row = find(new Map(tensors.map(([name, tensor]) => [name, rowTexts(tensor, i)])));
      if (!row) return undefined;
      const fault = faultOf(row);
      if (fault) return fault;
      found.push(row);
    }
    // Streams answer row by row of the table's lists; a batch of them answers side by side.
    const count = Math.max(...found.map(row => row.answers?.length ?? 1));
    return {
      answers: Array.from({ length: count }, (_, i) =>
        joined(
          found.map(row => row.answers?.[i] ?? row.outputs ?? {}),
          config,
        ),
      ),
    };
  };
}

const faultOf = ({ error }: TableRow): RuntimeFault | undefined => error && new RuntimeFault(error.code, error.message);

/** Elements as texts, which compare alike whether they were written as numbers or arrived as bigints. */
const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) || ArrayBuffer.isView(value)
    ? Array.from(value as readonly unknown[]).flatMap(texts)
    : [typeof value === "boolean" ? String(Number(value)) : String(value)];

function rowTexts({ shape, data }: MockTensor, row: number): readonly string[] {
  const width = data.length / Math.max(1, shape[0]!);
  return texts(data.slice(row * width, (row + 1) * width));
}

/** The rows' values of each output, one behind the other. */
function joined(rows: readonly Values[], config: ModelConfig): Values {
  const named = config.output.filter(({ name }) => rows.some(row => row[name] !== undefined));
  return Object.fromEntries(
    named.map(output => {
      const sizes = backendDims(output).map(dim => (dim === -1 ? 1 : dim));
      const tensors = rows.map(row => readTensor(writeTensor(output, row[output.name] ?? 0, [], sizes)));
      const data = tensors.flatMap(tensor => Array.from(tensor.data as readonly (number | string)[]));
      return [output.name, { shape: [rows.length, ...tensors[0]!.shape], data }];
    }),
  );
}

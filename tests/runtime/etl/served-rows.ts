/**
 * A fitted workflow's folder and plain values → plain values, through a running server. The workflow is a model of its own, and requests
 * and responses are bytes of the gRPC protocol. Ragged columns are values and offsets, nulls are validity.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { writeWorkflowModel } from "#compiler/5-emit/merlon/workflow-model.js";
import type { Plan } from "#contract/plan.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "#contract/schema.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { tensorValues, valuesTensor } from "#runtime/base/columns/tensor-values.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { serve } from "#runtime/server/index.js";
import { datatype } from "#triton-protos/datatype.js";
import type { MessageName } from "#triton-protos/message-shape.js";
import { messageType } from "#triton-protos/proto-root.js";
import { type Cell, type Cells, fromColumn, toColumn } from "./table-values.js";

export interface RowServer {
  /** Sends all rows in one request, or each in one of its own, and puts the answers together. */
  answers(folder: string, plan: Plan, cells: Cells, way: "together" | "one by one"): Promise<Record<string, Cell[]>>;
  close(): Promise<void>;
}

export async function startRowServer(): Promise<RowServer> {
  const repository = await mkdtemp(join(tmpdir(), "merlon-repository-"));
  const loopback = { port: 0, address: "127.0.0.1" };
  const server = await serve({
    modelRepositories: [repository],
    modelControlMode: "explicit",
    http: loopback,
    grpc: loopback,
    metrics: loopback,
    writeLog: () => undefined,
  });
  const client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
  const call = async (rpc: string, request: MessageName, response: MessageName, content: object): Promise<object> => {
    const [asked, answered] = [messageType(request), messageType(response)];
    return new Promise((resolve, reject) =>
      client.makeUnaryRequest<Buffer, object>(
        `/inference.GRPCInferenceService/${rpc}`,
        bytes => bytes,
        bytes => answered.toObject(answered.decode(bytes), { defaults: true, longs: Number }),
        Buffer.from(asked.encode(asked.fromObject(content)).finish()),
        (error, value) => (error ? reject(error) : resolve(value!)),
      ),
    );
  };
  const loaded = new Map<string, string>();
  const load = async (folder: string): Promise<string> => {
    const known = loaded.get(folder);
    if (known !== undefined) return known;
    const name = `case_${loaded.size}`;
    loaded.set(folder, name);
    writeWorkflowModel(join(folder, "fitted"), repository, { name });
    await call("RepositoryModelLoad", "inference.RepositoryModelLoadRequest", "inference.RepositoryModelLoadResponse", {
      model_name: name,
    });
    return name;
  };
  return {
    async answers(folder, plan, cells, way) {
      const name = await load(folder);
      const count = Object.values(cells)[0]!.length;
      const all = Array.from({ length: count }, (_, i) => i);
      const requests = way === "together" ? [all] : all.map(row => [row]);
      const made: Record<string, Cell[]> = Object.fromEntries(plan.outputs.map(output => [output.schema.name, []]));
      for (const rows of requests) {
        const tensors = plan.inputs.flatMap(col =>
          inputTensors(
            col,
            rows.map(row => cells[col.name]![row]!),
            plan,
          ),
        );
        const answer = (await call("ModelInfer", "inference.ModelInferRequest", "inference.ModelInferResponse", {
          model_name: name,
          inputs: tensors.map(({ name: tensor, datatype: type, shape }) => ({ name: tensor, datatype: type, shape })),
          raw_input_contents: tensors.map(tensor => tensor.data),
        })) as Answer;
        const found = new Map(
          answer.outputs.map((tensor, i) => [tensor.name, { ...tensor, data: answer.raw_output_contents[i]! }]),
        );
        for (const { schema } of plan.outputs) made[schema.name]!.push(...readColumn(schema, found));
      }
      return made;
    },
    async close() {
      client.close();
      await server.stop();
      await rm(repository, { recursive: true, force: true });
    },
  };
}

interface Answer {
  readonly outputs: readonly { name: string; datatype: Tensor["datatype"]; shape: number[] }[];
  readonly raw_output_contents: readonly Uint8Array[];
}

const isFlat = (col: ColumnSchema): boolean => isRagged(col) || col.rows !== REQUEST_ROWS;
/** A model has a batch dimension unless a column has none to give. */
const hasBatch = (plan: Plan): boolean => ![...plan.inputs, ...plan.outputs.map(output => output.schema)].some(isFlat);

function inputTensors(col: ColumnSchema, cells: readonly Cell[], plan: Plan): readonly Tensor[] {
  const { values, offsets, validity } = toColumn(col, cells, rootRows(cells.length));
  const scalar = hasBatch(plan) ? [cells.length, 1] : [cells.length];
  const shape = offsets ? [values.length] : col.list ? [cells.length, col.list.min] : scalar;
  const name = offsets ? `${col.name}__values` : col.name;
  return [
    valuesTensor(name, col.dtype, shape, values),
    ...(offsets ? [valuesTensor(`${col.name}__offsets`, "int32", [offsets.length], offsets)] : []),
    ...(validity ? [valuesTensor(`${col.name}__validity`, "bool", shape, validity)] : []),
  ];
}

function readColumn(col: ColumnSchema, tensors: ReadonlyMap<string, Tensor>): Cell[] {
  const read = (name: string, dtype: ColumnSchema["dtype"]) => {
    const tensor = tensors.get(name);
    if (!tensor || tensor.datatype !== datatype(dtype).wire) throw new Error(`no ${dtype} tensor ${name}`);
    return tensorValues(tensor, dtype);
  };
  const values = read(isFlat(col) ? `${col.name}__values` : col.name, col.dtype);
  const validity = read(`${col.name}__validity`, "bool") as Uint8Array;
  const offsets = isRagged(col) ? (read(`${col.name}__offsets`, "int32") as Int32Array) : undefined;
  const width = !offsets && col.list ? col.list.min : undefined;
  const count = offsets ? offsets.length - 1 : values.length / (width ?? 1);
  const column: Column = { dtype: col.dtype, rows: rootRows(count), values, validity };
  return fromColumn({ ...column, ...(offsets && { offsets }), ...(width !== undefined && { width }) });
}

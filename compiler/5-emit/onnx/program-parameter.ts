/** Parameters in the models of a program, and the files of a graph. */
import type { Plan } from "../../../contract/plan.js";
import type { ArtefactFile } from "../../../operators/shared/author/define-op.js";
import type { GraphFiles } from "../../onnx/finish-graph.js";

/** The program of a model: a later build of the program replaces its own models. */
export const PROGRAM = "merlon_program";
export const programParameter = ({ name }: Plan) => ({ parameters: { [PROGRAM]: { string_value: name } } });

export const graphFiles = ({ onnx, data, others }: GraphFiles): ArtefactFile[] => [
  { to: "model.onnx", bytes: onnx },
  ...(data ? [{ to: "model.data", bytes: data }] : []),
  ...[...others].map(([to, from]) => ({ to, from })),
];

/**
 * An artefact → its entry of `Artefacts`, as TypeScript: what `queryFeast` and its like will find at that path.
 */

import type { Plan } from "../../contract/plan.js";
import { subgraphOf } from "../../contract/restrict-plan.js";
import { printColumn } from "../../contract/schema.js";
import type { FeastView } from "../../formats/feast/feast-registry.js";
import { feastType } from "../../formats/feast/feast-type.js";
import type { OnnxTensor } from "../../formats/onnx/onnx.js";
import { vectorWidth } from "../../operators/predict-onnx/author-tensors.js";
import type { ArtefactReader, Read } from "../3-graph/artefacts.js";
import { forestOutputs } from "../forest/forest-onnx.js";
import type { ArtefactKind } from "./named-artefacts.js";

/** Undefined where the artefact cannot be read: the graph pass says why. */
export function describeArtefact(kind: ArtefactKind, path: string, artefacts: ArtefactReader): string | undefined {
  switch (kind) {
    case "onnx":
      return ifRead(artefacts.onnx(path), ({ inputs, outputs }) =>
        record(kind, { inputs: union(inputs.map(tensor)), outputs: union(outputs.filter(isColumn).map(tensor)) }),
      );
    case "workflow":
      return ifRead(artefacts.workflow(path), plan => {
        const parts = Object.keys(plan.subgraphs ?? {}).map(
          name => [name, block(plansColumns(subgraphOf(plan, name)!))] as const,
        );
        return block([
          ["kind", quote(kind)],
          ...plansColumns(plan),
          ...(parts.length ? [["subgraphs", block(parts)] as const] : []),
        ]);
      });
    case "feast":
      return ifRead(artefacts.feast(path), ({ registry }) =>
        record(kind, { views: block(registry.views.map(view => [view.name, describeView(view)])) }),
      );
    case "faiss":
      return ifRead(artefacts.faiss(path), ({ dimension, hasTextIds }) =>
        record(kind, { vector: quote(`float32[${dimension}]`), ...(hasTextIds && { ids: quote("string") }) }),
      );
    case "schema":
      return ifRead(artefacts.schema(path), columns => record(kind, { columns: union(columns.map(printColumn)) }));
    case "forest":
      return ifRead(artefacts.forest(path), forest => {
        const outputs = forestOutputs(forest);
        return record(kind, { prediction: quote(outputs === 1 ? "float32" : `float32[${outputs}]`) });
      });
    case "embedding":
      return ifRead(artefacts.embedding(path), ({ dimension }) =>
        record(kind, { vector: quote(`float32[${dimension}]`) }),
      );
    case "implicit":
      return ifRead(artefacts.implicit(path), () => record(kind, {}));
    case "attributes":
      return ifRead(artefacts.attributes(path), ({ columns }) =>
        record(kind, { columns: union(columns.flatMap(({ name, dtype }) => (dtype ? [`${dtype} ${name}`] : []))) }),
      );
    case "candidates":
      return ifRead(artefacts.candidates(path), ({ keys, ids }) =>
        record(kind, { keys: quote(keys.dtype), ids: quote(ids.dtype) }),
      );
    case "vectors":
      return ifRead(artefacts.vectors(path), ({ dimension, ids, attributes }) =>
        record(kind, {
          vector: quote(`float32[${dimension}]`),
          ids: quote(ids),
          attributes: union(Object.entries(attributes).map(([name, dtype]) => `${dtype} ${name}`)),
        }),
      );
    default:
      return kind satisfies never;
  }
}

const ifRead = <T>(read: Read<T>, describe: (value: T) => string): string | undefined =>
  read.ok ? describe(read.value) : undefined;

const plansColumns = ({ inputs, outputs }: Plan) =>
  [
    ["inputs", union(inputs.map(printColumn))],
    ["outputs", union(outputs.map(({ schema }) => printColumn(schema)))],
  ] as const;

/** `float32[64] query`; `[]` for a variable width, `?` for a shape that cannot be a column. */
function tensor(of: OnnxTensor): string {
  const width = vectorWidth(of);
  const type = of.dtype === null || width === undefined ? "?" : of.dtype;
  return `${type}${type === "?" || width === null ? "" : `[${width === -1 ? "" : width}]`} ${of.name}`;
}

/** Whether `predictOnnx` can make a column of it. */
function isColumn(of: OnnxTensor): boolean {
  const width = vectorWidth(of);
  return of.dtype !== null && width !== undefined && width !== -1;
}

function describeView({ joinKeys, features }: FeastView): string {
  const [key, another] = joinKeys;
  return block([
    ["key", key && !another ? quote(`${feastType(key.type).dtype} ${key.name}`) : "string"],
    [
      "features",
      union(
        features.flatMap(({ name, type }) => {
          if (!type) return [];
          const { dtype, list } = feastType(type);
          return [list ? `list<${dtype}> ${name}` : `${dtype} ${name}`];
        }),
      ),
    ],
  ]);
}

const record = (kind: ArtefactKind, fields: Readonly<Record<string, string>>): string =>
  block([["kind", quote(kind)], ...Object.entries(fields)]);

const block = (fields: readonly (readonly [string, string])[]): string =>
  `{\n${fields.map(([name, type]) => `  ${propertyName(name)}:${type.startsWith("\n") ? "" : " "}${type.replaceAll("\n", "\n  ")};\n`).join("")}}`;

const WIDTH = 100;

/** One line, or one line per member. */
function union(members: readonly string[]): string {
  if (members.length === 0) return "never";
  const line = members.map(quote).join(" | ");
  return line.length <= WIDTH ? line : members.map(member => `\n  | ${quote(member)}`).join("");
}

const quote = (text: string): string => JSON.stringify(text);
const propertyName = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name));

/**
 * A written graph → the files of a Triton model: `model.onnx`, and `model.data` with the constants that are too large for it.
 */
import { constantBytes, type OnnxConstant, printOnnxModel } from "../../formats/onnx/onnx-model.js";
import type { GraphBuilder } from "./graph-builder.js";
import { OpsetError } from "./opset-error.js";
import type { TritonRelease } from "./triton-releases.js";

export interface GraphFiles {
  readonly onnx: Uint8Array;
  /** Constants beside it; undefined if all are inside. */
  readonly data?: Uint8Array;
  /** Other models' files, by the name they have beside it. */
  readonly others: ReadonlyMap<string, string>;
  readonly opset: number;
}

const DATA_FILE = "model.data";
/** Constants of this size are stored beside the graph. */
export const LARGE_CONSTANT = 2 ** 22;
const PAGE = 4096;

/** The IR version that introduced an opset. */
const irOf = (opset: number): number =>
  opset <= 18 ? 8 : opset <= 20 ? 9 : opset <= 22 ? 10 : opset <= 24 ? opset - 12 : 13;

/** @throws OpsetError where the release can't run it, OnnxTooLargeError beyond 2 GB */
export function finishGraph(
  g: GraphBuilder,
  name: string,
  release: TritonRelease,
  { large = LARGE_CONSTANT, limit }: { readonly large?: number; readonly limit?: number | undefined } = {},
): GraphFiles {
  const { version, why } = g.opset;
  if (version > release.opset)
    throw new OpsetError(
      `\`${name}\` needs opset ${version} (${why}), and Triton ${release.release} with ONNX Runtime ${release.onnxruntime} reads up to ${release.opset}`,
      `Build for a later one (\`--triton-release\`), or export the model with an older opset.`,
    );
  const changed = g.changedNode(version);
  if (changed)
    throw new OpsetError(
      `\`${changed.from}\` uses \`${changed.op}\` of opset ${changed.version}, which means something else in opset ${version} of \`${name}\` (${why})`,
      `Export the model with opset ${version}, or build without \`--fuse\`.`,
    );
  const model = g.finish(name, { ir: Math.min(irOf(version), release.ir), opset: version, ml: 3 });
  const { constants, data } = besides(model.constants ?? {}, large);
  return {
    onnx: printOnnxModel({ ...model, constants }, limit),
    ...(data && { data }),
    others: g.files,
    opset: version,
  };
}

function besides(
  constants: Readonly<Record<string, OnnxConstant>>,
  large: number,
): { readonly constants: Readonly<Record<string, OnnxConstant>>; readonly data?: Uint8Array } {
  const parts: { readonly bytes: Uint8Array; readonly offset: number }[] = [];
  let end = 0;
  const kept = Object.entries(constants).map(([name, constant]): [string, OnnxConstant] => {
    if (constant.dtype === "string" || constant.values.length < large / 8) return [name, constant];
    const bytes = constantBytes(constant.dtype, constant.values as ArrayLike<number>);
    if (bytes.length < large) return [name, constant];
    const offset = Math.ceil(end / PAGE) * PAGE;
    parts.push({ bytes, offset });
    end = offset + bytes.length;
    return [name, { ...constant, values: [], external: { location: DATA_FILE, offset, length: bytes.length } }];
  });
  if (parts.length === 0) return { constants };
  const data = new Uint8Array(end);
  for (const { bytes, offset } of parts) data.set(bytes, offset);
  return { constants: Object.fromEntries(kept), data };
}

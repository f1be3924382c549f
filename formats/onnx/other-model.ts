/** The kind of a file that was given for an ONNX model, by its first bytes. */

interface Format {
  /** Completes "it is …". */
  readonly what: string;
  readonly way: string;
  matches(head: Buffer): boolean;
}

const TORCH =
  'Export the model from Python: `torch.onnx.export(model, inputs, "model.onnx", dynamo=True)`, with names for inputs and outputs.';
const TENSORFLOW = "Convert it: `python -m tf2onnx.convert` reads SavedModels, Keras and TensorFlow Lite files.";

const FORMATS: readonly Format[] = [
  {
    what: "a file of PyTorch (`torch.save` or TorchScript), or another zip archive",
    way: TORCH,
    matches: head => head.toString("latin1", 0, 4) === "PK\x03\x04" && !isKeras(head),
  },
  {
    what: "a Keras file",
    way: TENSORFLOW,
    matches: head => head.toString("latin1", 0, 4) === "PK\x03\x04" && isKeras(head),
  },
  {
    what: "a Python pickle (an old `torch.save`, or `joblib.dump`)",
    way: "Export the model from Python: `torch.onnx.export` for PyTorch, `skl2onnx.to_onnx` for scikit-learn.",
    // Protocol 2 to 5, then an opcode; an ONNX file cannot begin with a field of that number.
    matches: head => head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5,
  },
  { what: "an HDF5 file (Keras)", way: TENSORFLOW, matches: head => head.toString("latin1", 0, 4) === "\x89HDF" },
  { what: "a TensorFlow Lite file", way: TENSORFLOW, matches: head => head.toString("latin1", 4, 8) === "TFL3" },
  {
    what: "a safetensors file, which holds weights and no graph",
    way: TORCH,
    matches: head => head.length > 8 && head[8] === 0x7b && head.readUInt32LE(4) === 0,
  },
  {
    what: "JSON",
    way: "A forest of XGBoost or LightGBM is served with `predictForest`.",
    matches: head => /^\s*[{[]\s*["{[]/.test(head.toString("latin1")),
  },
];

const isKeras = (head: Buffer): boolean => /metadata\.json|config\.json/.test(head.toString("latin1", 30, 60));

/** @param bytes of the file; only its head is read @returns undefined for a possible ONNX model */
export function otherModel(bytes: Uint8Array): Pick<Format, "what" | "way"> | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64));
  return FORMATS.find(format => format.matches(head));
}

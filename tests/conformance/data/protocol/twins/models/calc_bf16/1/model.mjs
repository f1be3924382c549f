// Counterpart of the recorded ONNX model, whose BF16 tensors ONNX Runtime for Node does not have: SUM and DIFF, rounded to even.
export function execute(requests) {
  return requests.map(({ inputs: { LEFT, RIGHT }, requestedOutputs }) => {
    const outputs = [
      { ...LEFT, name: "DIFF", data: combine(LEFT.data, RIGHT.data, (a, b) => a - b) },
      { ...LEFT, name: "SUM", data: combine(LEFT.data, RIGHT.data, (a, b) => a + b) },
    ];
    return { outputs: outputs.filter(({ name }) => requestedOutputs.includes(name)) };
  });
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function widen(half) {
  bits[0] = half << 16;
  return float[0];
}

function narrow(value) {
  float[0] = value;
  return (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
}

const combine = (left, right, operation) =>
  Uint16Array.from(left, (half, i) => narrow(operation(widen(half), widen(right[i]))));

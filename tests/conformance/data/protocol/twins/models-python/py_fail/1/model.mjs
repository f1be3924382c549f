// Counterpart of the recorded Python model: MODE selects the way to fail.
const CODES = { INVALID_ARG: "INVALID_ARGUMENT" };
const text = (name, values) => ({ name, datatype: "BYTES", shape: [values.length], data: values });

export function execute(requests) {
  return requests.map(({ inputs }) => {
    const mode = inputs.MODE.data[0].toString();
    if (mode === "raise") throw Object.assign(new Error("model raised on purpose"), { name: "RuntimeError" });
    if (mode.startsWith("code:")) {
      const name = mode.slice(5);
      return { error: `refused with ${name}`, code: CODES[name] ?? name };
    }
    if (mode === "nocode") return { error: "refused without a code" };
    if (mode === "missing") return { outputs: [] };
    if (mode === "wrongname") return { outputs: [text("OTHER", ["x"])] };
    if (mode === "wrongtype") return { outputs: [{ name: "ANSWER", datatype: "INT32", shape: [1], data: [1] }] };
    if (mode === "wrongshape") return { outputs: [text("ANSWER", ["a", "b", "c"])] };
    return { outputs: [text("ANSWER", [mode])] };
  });
}

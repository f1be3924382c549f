// Counterpart of the recorded Python model: answers with what it knows about the request, as JSON.

/** JSON as Python's `json.dumps` writes it with sorted keys. */
function dumps(value) {
  if (Array.isArray(value)) return `[${value.map(dumps).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort();
    return `{${keys.map(key => `${JSON.stringify(key)}: ${dumps(value[key])}`).join(", ")}}`;
  }
  return typeof value === "bigint" ? String(value) : JSON.stringify(value);
}

export function execute(requests) {
  return requests.map(request => {
    const { parameters, requestedOutputs, correlationId } = request;
    const count = Object.keys(parameters).length;
    const seen = dumps({
      id: request.id,
      correlation_id: correlationId,
      flags: (request.start ? 1 : 0) + (request.end ? 2 : 0),
      timeout: request.timeout,
      parameters,
      outputs: [...requestedOutputs].sort(),
    });
    const outputs = [
      { name: "SEEN", datatype: "BYTES", shape: [1], data: [seen] },
      { name: "COUNT", datatype: "INT32", shape: [1], data: [count] },
    ].filter(({ name }) => requestedOutputs.includes(name));
    return { outputs, parameters: { echoed: count, kind: "answer", yes: true } };
  });
}

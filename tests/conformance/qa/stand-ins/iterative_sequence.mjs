/** The suites' back end `iterative_sequence` (C++): counts down from INPUT, half a second and one answer for each step. */
import { setTimeout as delay } from "node:timers/promises";

const remaining = new Map();

export async function execute(requests) {
  for (const request of requests) {
    const { correlationId: sequence, inputs } = request;
    const left = (remaining.get(sequence) ?? inputs.INPUT.data[0]) - 1;
    if (left > 0) remaining.set(sequence, left);
    else remaining.delete(sequence);
    await delay(500);
    request.send({ outputs: [{ name: "OUTPUT", datatype: "INT32", shape: [1, 1], data: Int32Array.of(left) }] });
    if (left > 0) request.reschedule();
  }
}

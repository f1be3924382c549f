// Counterpart of the recorded Python model: one response per element of VALUES; -1 makes an error response.
import { setTimeout as wait } from "node:timers/promises";

export async function execute(requests) {
  for (const request of requests) {
    const { VALUES, WAIT_MS } = request.inputs;
    const ms = WAIT_MS?.data[0] ?? 0;
    for (const [i, value] of VALUES.data.entries()) {
      if (ms > 0) await wait(ms);
      if (request.isCancelled()) {
        request.send({ error: "stopped", code: "CANCELLED" });
        break;
      }
      if (value === -1) request.send({ error: `element ${i} is bad`, code: "INVALID_ARGUMENT" });
      else
        request.send({
          outputs: [
            { name: "VALUE", datatype: "INT32", shape: [1], data: [value] },
            { name: "INDEX", datatype: "UINT32", shape: [1], data: [i] },
          ],
        });
    }
    request.close();
  }
}

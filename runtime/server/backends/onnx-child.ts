/**
 * The program of a `ProcessHost`: one session of ONNX Runtime, one run after the other.
 */
import { writeFileSync } from "node:fs";
import { errorData } from "../../../contract/workers/messages.js";
import { endWithParent } from "../workers/end-with-parent.js";
import { packTensors, unpackTensors } from "./onnx-messages.js";
import type { FromParent } from "./onnx-process.js";
import type { OnnxSession } from "./onnx-run.js";
import { openPackage } from "./onnx-session.js";

endWithParent();
process.on("disconnect", () => process.exit());
// A terminal's interrupt is for the whole group: the server answers the requests in flight first, and ends this process itself.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
try {
  // If the machine's memory runs out, the kernel ends this process and not the server.
  writeFileSync("/proc/self/oom_score_adj", "1000");
} catch {
  // Another system, or one that forbids it.
}

let session: OnnxSession | undefined;

async function answer(message: FromParent): Promise<unknown> {
  if (message.call === "open") {
    session = await openPackage(message.file, message.options);
    return session.graph;
  }
  const { feeds, wanted } = message.argument;
  const began = performance.now();
  const results = await session!.run(unpackTensors(feeds), wanted);
  return { tensors: packTensors(results).tensors, micros: (performance.now() - began) * 1000 };
}

process.on("message", (message: FromParent) => {
  answer(message)
    .then(value => process.send!({ value }))
    .catch(error => process.send!({ fault: errorData(error) }));
});

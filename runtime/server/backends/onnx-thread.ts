/**
 * A thread with a session of its own: one run after the other, of tensors that are given away in both directions.
 */
import { parentPort, workerData } from "node:worker_threads";
import type * as ort from "onnxruntime-node";
import { type NativeCallsMemory, nativeCall } from "../../../contract/workers/native-calls.js";
import { findBinding } from "./onnx-binding.js";
import { packTensors, type ThreadOrder, type ThreadReply, type ThreadWork, unpackTensors } from "./onnx-messages.js";
import { placeAgain } from "./onnx-own-files.js";

const { file, copies, options, calls } = workerData as ThreadOrder & { readonly calls: NativeCallsMemory };
const port = parentPort!;
const reply = (message: ThreadReply, moved: ArrayBuffer[] = []): void => port.postMessage(message, moved);

const Session = findBinding()!;
const session = new Session();
const placed = copies && placeAgain(copies);
try {
  nativeCall(calls, () => session.loadModel(placed?.file ?? file, options));
} finally {
  placed?.remove();
}
reply({ kind: "open" });

port.on("message", (work: ThreadWork) => {
  // Nothing keeps the thread then, and it ends outside of native code.
  if (work === "end") {
    nativeCall(calls, () => session.dispose());
    port.close();
    return;
  }
  const { feeds, wanted } = work;
  const began = performance.now();
  try {
    const fetches = Object.fromEntries(wanted.map(name => [name, null]));
    const results = nativeCall(calls, () => session.run(unpackTensors(feeds), fetches, {})) as Record<
      string,
      ort.Tensor
    >;
    const { tensors, moved } = packTensors(results);
    reply({ kind: "results", tensors, micros: (performance.now() - began) * 1000 }, moved);
  } catch (error) {
    reply({ kind: "failed", message: (error as Error).message });
  }
});

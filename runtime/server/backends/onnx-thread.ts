/**
 * A thread with a session of its own: one run after the other, of tensors that are given away in both directions.
 */
import type * as ort from "onnxruntime-node";
import { moved, native, serveCalls, workerStart } from "../../../contract/workers/serve-calls.js";
import { findBinding } from "./onnx-binding.js";
import { type OnnxCalls, packTensors, type SessionOrder, unpackTensors } from "./onnx-messages.js";
import { placeAgain } from "./onnx-own-files.js";

const { file, copies, options } = workerStart<SessionOrder>();
const Session = findBinding()!;
const session = new Session();

serveCalls<OnnxCalls>(
  {
    open() {
      const placed = copies && placeAgain(copies);
      try {
        native(() => session.loadModel(placed?.file ?? file, options));
      } finally {
        placed?.remove();
      }
    },
    run({ feeds, wanted }) {
      const began = performance.now();
      const fetches = Object.fromEntries(wanted.map(name => [name, null]));
      const results = native(() => session.run(unpackTensors(feeds), fetches, {})) as Record<string, ort.Tensor>;
      const { tensors, moved: memory } = packTensors(results);
      return moved({ tensors, micros: (performance.now() - began) * 1000 }, memory);
    },
  },
  { onEnd: () => native(() => session.dispose()) },
);

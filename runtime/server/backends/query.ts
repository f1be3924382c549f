/**
 * Triton's `query` backend, for tests of a backend's output buffers. Every request is answered with an error that names, for each output,
 * the kind of memory and the device. There is only the CPU here.
 */
import { RuntimeFault } from "../../base/errors.js";
import type { Backend } from "./backend.js";

export const queryBackend: Backend = {
  async load({ config }) {
    const text = config.output.map(({ name }) => `${name} CPU 0`).join("; ");
    return {
      async execute(requests) {
        return requests.map(() => new RuntimeFault("UNKNOWN", text));
      },
    };
  },
};

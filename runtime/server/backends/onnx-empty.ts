/**
 * A session on WebGPU → one that gives tensors without elements to the CPU. ONNX Runtime's WebGPU provider divides by their size, which
 * crashes the process (MatMul of 1.30), or refuses them (Softmax). They need no computation.
 */
import type { OnnxSession, Tensors } from "./onnx-run.js";

/** @param openOnCpu the same model there: opened with the first such tensor */
export function withEmptyOnCpu(session: OnnxSession, openOnCpu: () => Promise<OnnxSession>): OnnxSession {
  let onCpu: Promise<OnnxSession> | undefined;
  const open = (): Promise<OnnxSession> =>
    openOnCpu().catch(error => {
      onCpu = undefined;
      throw error;
    });
  return {
    graph: session.graph,
    async run(feeds, wanted) {
      if (!hasEmpty(feeds)) return session.run(feeds, wanted);
      onCpu ??= open();
      return (await onCpu).run(feeds, wanted);
    },
    async release() {
      await session.release();
      await onCpu?.then(opened => opened.release());
    },
  };
}

function hasEmpty(feeds: Tensors): boolean {
  for (const name in feeds) if (feeds[name]!.size === 0) return true;
  return false;
}

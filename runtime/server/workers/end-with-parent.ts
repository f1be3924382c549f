/**
 * A worker does not outlive the control process, even if its event loop hangs and does not notice the end of the channel.
 */
import { Worker } from "node:worker_threads";
import { type Allocator, loadAllocator } from "../memory/allocator.js";

const LOOK_MS = 500;

/** @param binding by which the kernel ends this process; a thread does where it is missing, unless all threads are stopped */
export function endWithParent(binding: Pick<Allocator, "endWithParent"> | undefined = loadAllocator()): void {
  const parent = process.ppid;
  if (binding?.endWithParent?.()) {
    // It ended before the call.
    if (process.ppid !== parent) process.exit(1);
    return;
  }
  const watch = `setInterval(() => { if (process.ppid !== ${parent}) process.kill(process.pid, "SIGKILL"); }, ${LOOK_MS});`;
  const thread = new Worker(watch, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } });
  // Without it the end of the channel ends a worker that does not hang.
  thread.on("error", () => {});
  thread.unref();
}

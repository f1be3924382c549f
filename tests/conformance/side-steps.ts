/**
 * Does what a client does beside its requests, and says where a shared memory file holds something else than it held for Triton.
 */
import { closeSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { SideStep } from "./records.js";

const file = (key: string): string => `/dev/shm/${key.replace(/^\/+/, "")}`;

export async function performSteps(steps: readonly SideStep[] = []): Promise<string[]> {
  const differences: string[] = [];
  for (const { wait_ms, shm_create, shm_read, shm_remove } of steps) {
    if (wait_ms) await sleep(wait_ms);
    if (shm_create) writeFileSync(file(shm_create.key), Buffer.from(shm_create.base64, "base64"));
    if (shm_read) {
      const got = readPart(file(shm_read.key), shm_read.offset ?? 0, shm_read.byte_size).toString("base64");
      if (got !== shm_read.base64)
        differences.push(`shared memory ${shm_read.key}: expected ${shm_read.base64}, got ${got}`);
    }
    if (shm_remove) rmSync(file(shm_remove.key), { force: true });
  }
  return differences;
}

function readPart(path: string, offset: number, size: number): Buffer {
  const part = Buffer.alloc(size);
  const descriptor = openSync(path, "r");
  try {
    return part.subarray(0, readSync(descriptor, part, 0, size, offset));
  } finally {
    closeSync(descriptor);
  }
}

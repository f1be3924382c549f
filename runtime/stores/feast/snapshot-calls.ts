/** The calls of the snapshot thread: snapshots of a SQLite online store, or its changes. */
import { type Handlers, type Moved, moved } from "../../../contract/workers/serve-calls.js";
import { replyTo, type ThreadOrder, type ThreadReply } from "./snapshot-reply.js";

export interface SnapshotCalls {
  read(order: ThreadOrder): ThreadReply;
}

/** The memory of a reply, which moves: a copy of a large store would hold up the thread that serves. */
function buffersOf(reply: ThreadReply): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  const visit = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) found.add(value.buffer as ArrayBuffer);
    // Texts are many, and have none.
    else if (typeof value === "object" && value !== null && !(Array.isArray(value) && typeof value[0] === "string"))
      for (const part of Object.values(value)) visit(part);
  };
  visit(reply);
  return [...found];
}

export const snapshotCalls = {
  read(order: ThreadOrder): Moved<ThreadReply> {
    const reply = replyTo(order);
    return moved(reply, buffersOf(reply));
  },
} satisfies Handlers<SnapshotCalls>;

/**
 * Run as a thread: takes snapshots of a SQLite online store, or its changes, and sends them. No request thus waits for the read of a
 * changed store.
 */
import { serveCalls } from "../../../contract/workers/serve-calls.js";
import { type SnapshotCalls, snapshotCalls } from "./snapshot-calls.js";

serveCalls<SnapshotCalls>(snapshotCalls);

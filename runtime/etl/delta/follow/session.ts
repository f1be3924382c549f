/**
 * Appends changes of a feed to an index's delta for as long as the feed runs. The lock is held for one change, so that other commands write between
 * them, and a compaction can replace the delta.
 */
import { baseFile, deltaFile } from "../../../../contract/files/delta-path.js";
import { RuntimeFault } from "../../../base/errors.js";
import { stateOf } from "../../../base/watched-file.js";
import { requireBase } from "../../../stores/vectors/delta/live-index.js";
import type { ReadDelta } from "../../../stores/vectors/delta/read-delta.js";
import { type Change, openDeltaWriter } from "../../../stores/vectors/delta/write-delta.js";
import { findIndex, headerOf, openIndexDelta } from "../open-index-delta.js";
import { publishBase } from "../publish-base.js";
import type { RowForm } from "./feed.js";

export interface DeltaSession {
  readonly file: string;
  /** Position of the feed in the delta. */
  readonly position: string | undefined;
  readonly form: RowForm;
  /**
   * Appends a change that was made for the session's position and form.
   * @param position after it
   * @returns false if the delta has another position or form by now, which the session has then; nothing was written
   * @throws RuntimeFault UNAVAILABLE while another process writes; the system's error if the disk is full
   */
  append(change: Change, position: string): Promise<boolean>;
}

export interface SessionOptions {
  readonly waitMs: number;
  readonly unit?: boolean | undefined;
}

/** @param path a FAISS file, or a model with one @param name of the feed @throws RuntimeFault naming the file */
export async function openDeltaSession(path: string, name: string, options: SessionOptions): Promise<DeltaSession> {
  const index = findIndex(path);
  const file = deltaFile(index);
  const first = await openIndexDelta(path, options);
  first.close();
  let { delta } = first;
  let checked = await baseState(index, delta);
  let position = delta.contents.positions.get(name);
  let form = formOf(delta);
  /** The state of the base is compared, because its checksum takes seconds. */
  const checkBase = async (): Promise<void> => {
    const now = await baseState(index, delta);
    if (now === checked) return;
    await requireBase(index, delta, file);
    checked = now;
  };
  return {
    file,
    get position() {
      return position;
    },
    get form() {
      return form;
    },
    async append(change, next) {
      await publishBase(index, options.waitMs);
      const writer = await openDeltaWriter(file, {
        waitMs: options.waitMs,
        before: delta,
        header: () => headerOf(index, options.unit),
      });
      try {
        delta = writer.delta;
        await checkBase();
        const found = delta.contents.positions.get(name);
        const now = formOf(delta);
        if (found !== position || JSON.stringify(now) !== JSON.stringify(form)) {
          [position, form] = [found, now];
          return false;
        }
        writer.append({ ...change, positions: { [name]: next } });
        position = next;
        return true;
      } finally {
        writer.close();
      }
    },
  };
}

const formOf = ({ header: { ids, dimension, unit } }: ReadDelta): RowForm => ({ ids, dimension, unit });

async function baseState(index: string, { header: { base } }: ReadDelta): Promise<string> {
  return `${JSON.stringify(base)} ${await stateOf(base.file === "" ? index : baseFile(index, base.file))}`;
}

/** Faults that pass by themselves: a locked delta, a full disk, a source that is away. */
export const passes = (error: unknown): boolean =>
  error instanceof RuntimeFault
    ? error.code === "UNAVAILABLE"
    : ["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "ENOMEM", "EIO", "EAGAIN"].includes(
        String((error as NodeJS.ErrnoException).code),
      );

/**
 * Temporary folders. The code that makes one holds its handle, and a handle removes only the folder that it made.
 */
import { existsSync, lstatSync, mkdtempSync, rmSync } from "node:fs";
import { lstat, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reasonOf } from "./file-fault.js";
import { addLiveFolder, deleteLiveFolder } from "./live-folders.js";
import { OWNER_TAG, ownerIsGone, ownerTag } from "./owner-tag.js";

const NAME = new RegExp(`^merlon-[a-z]+-(${OWNER_TAG})-[A-Za-z0-9]{6}$`);

/**
 * An empty folder in the system's temporary folder, which only this user can enter. It is also removed with the process if a signal ends
 * that.
 */
export class TemporaryFolder {
  readonly path: string;
  /** Device and inode: another folder under the same name is not removed. */
  readonly #identity: string;
  #disposed = false;

  /** @param purpose a word in lower case, a part of the folder's name @throws Error naming the parent and the way out */
  constructor(purpose: string, parent = tmpdir()) {
    // First, since a signal may arrive as soon as the folder is there.
    addLiveFolder(this, () => this.#removeSync());
    try {
      this.path = mkdtempSync(join(parent, `merlon-${purpose}-${ownerTag()}-`));
      this.#identity = identityOf(lstatSync(this.path));
    } catch (error) {
      deleteLiveFolder(this);
      const reason = existsSync(parent) ? reasonOf(error) : "it does not exist";
      throw new Error(
        `no temporary folder can be made in '${parent}': ${reason}. Set TMPDIR to a folder that this user can write to`,
        { cause: error },
      );
    }
  }

  /** Removes the folder and all that is in it. A second call does nothing. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    try {
      if (this.#isThere()) await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
    } finally {
      // Last, since a signal in between would leave a part of the folder.
      deleteLiveFolder(this);
    }
  }

  disposeSync(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    // First: a handler that is removed before its turn of the event loop would lose the signal.
    deleteLiveFolder(this);
    this.#removeSync();
  }

  #removeSync(): void {
    if (this.#isThere()) rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Whether the folder under this path is the one that was made. */
  #isThere(): boolean {
    const found = lstatSync(this.path, { throwIfNoEntry: false });
    return found?.isDirectory() === true && identityOf(found) === this.#identity;
  }
}

const identityOf = ({ dev, ino }: { readonly dev: number; readonly ino: number }): string => `${dev}:${ino}`;

/** Removes temporary folders of processes of this user that ended without doing so. @returns their paths */
export async function removeAbandonedFolders(parent = tmpdir()): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const name of await readdir(parent).catch(() => [])) {
    const tag = NAME.exec(name)?.[1];
    if (tag === undefined || !ownerIsGone(tag)) continue;
    const path = join(parent, name);
    const found = await lstat(path).catch(() => undefined);
    if (!found?.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid)) continue;
    await rm(path, { recursive: true, force: true }).then(
      () => removed.push(path),
      () => {},
    );
  }
  return removed;
}

/**
 * Weights beside a model's graph, which ONNX Runtime maps. A page of a file that is truncated meanwhile crashes the process, and one that
 * is overwritten is another weight. A session therefore maps private copies. They are made in the temporary folder, and unlinked when they
 * are mapped, so that none remains, however the process ends.
 */
import { closeSync, constants, copyFileSync, mkdirSync, openSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { joinInside, leadsOutside, type PathInside } from "../../../contract/files/path-inside.js";
import { requireRegular } from "../../../contract/files/read-regular.js";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import { type ExternalPart, partFault, readOnnxSignature } from "../../../formats/onnx/onnx.js";
import { RuntimeFault } from "../../base/errors.js";

/** Bytes of weights that are copied where the file system can't share their blocks. Larger ones are mapped where they are. */
const MOST_COPIED = 256 * 2 ** 20;

/** Open copies of a model's file, which is the first, and of those beside it. */
export type OwnFiles = readonly { readonly name: string; readonly fd: number }[];

export interface PlacedFiles {
  /** The model, with its weights beside it until `remove`. */
  readonly file: string;
  remove(): void;
}

/**
 * @param file the model
 * @returns undefined where it has no weights beside it, or they are not to be copied: too large, or no room
 */
export function ownFiles(file: string): (PlacedFiles & { readonly copies: OwnFiles }) | undefined {
  if (process.platform !== "linux") return undefined;
  const folder = dirname(file);
  let parts: readonly PathInside[];
  let bytes: number;
  try {
    if (readdirSync(folder).length === 1 || statSync(file).size > MOST_COPIED) return undefined;
    const signature = readOnnxSignature(file);
    parts = signature.externalData;
    for (const part of parts) refusePart(file, joinInside(folder, part));
    for (const part of signature.externalParts) refuseOutside(file, part, statSync(join(folder, part.location)).size);
    // ONNX Runtime refuses a path out of the folder.
    if (parts.length === 0 || parts.some(part => leadsOutside(folder, joinInside(folder, part)))) return undefined;
    bytes = parts.reduce((sum, part) => sum + statSync(joinInside(folder, part)).size, 0);
  } catch (error) {
    if (error instanceof RuntimeFault) throw error;
    // ONNX Runtime says what is wrong.
    return undefined;
  }
  const mode = bytes > MOST_COPIED ? constants.COPYFILE_FICLONE_FORCE : constants.COPYFILE_FICLONE;
  const names = [basename(file), ...parts];
  const placed = place(
    names.map(name => ({ name, from: join(folder, name) })),
    mode,
  );
  if (!placed) return undefined;
  const copies = names.map(name => ({ name, fd: openSync(join(dirname(placed.file), name), "r") }));
  return { ...placed, copies };
}

/** ONNX Runtime opens them by itself, and would wait for the writer of a FIFO. @throws RuntimeFault */
function refusePart(model: string, part: string): void {
  try {
    requireRegular(part);
  } catch (error) {
    throw new RuntimeFault("INVALID_ARGUMENT", `weights of ${model}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws RuntimeFault for a tensor whose data is not in the file, or has another length than its shape */
function refuseOutside(model: string, part: ExternalPart, size: number): void {
  const fault = partFault(part, size);
  if (fault) throw new RuntimeFault("INVALID_ARGUMENT", `${model} ${fault}. Export it again.`);
}

/** Copies of the copies, for a session in another thread. @throws Error where there is no room */
export function placeAgain(copies: OwnFiles): PlacedFiles {
  const placed = place(
    copies.map(({ name, fd }) => ({ name, from: `/proc/self/fd/${fd}` })),
    constants.COPYFILE_FICLONE,
  );
  if (!placed) throw new Error(`no room for the model's weights in ${tmpdir()}`);
  return placed;
}

export function closeFiles(copies: OwnFiles): void {
  for (const { fd } of copies) closeSync(fd);
}

function place(
  files: readonly { readonly name: string; readonly from: string }[],
  mode: number,
): PlacedFiles | undefined {
  let folder: TemporaryFolder | undefined;
  const remove = (): void => {
    folder?.disposeSync();
  };
  try {
    folder = new TemporaryFolder("weights");
    for (const { name, from } of files) {
      const to = join(folder.path, name);
      mkdirSync(dirname(to), { recursive: true });
      copyFileSync(from, to, mode);
    }
  } catch {
    remove();
    return undefined;
  }
  return { file: join(folder.path, files[0]!.name), remove };
}

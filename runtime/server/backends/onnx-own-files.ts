/**
 * Weights beside a model's graph, which ONNX Runtime maps. A page of a file that is truncated meanwhile crashes the process, and one that
 * is overwritten is another weight. A session therefore maps private copies, which processes share if they can. They are placed in the
 * temporary folder, and unlinked when they are mapped, so that none remains, however the process ends.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type * as ort from "onnxruntime-node";
import { joinInside, leadsOutside, type PathInside } from "../../../contract/files/path-inside.js";
import { requireRegular } from "../../../contract/files/read-regular.js";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import { type ExternalPart, partFault, readOnnxSignature } from "../../../formats/onnx/onnx.js";
import { invalid, RuntimeFault } from "../../base/errors.js";
import { sharedCopySync } from "../../base/shared/shared-copy.js";
import type { SharedFile } from "../../base/shared/shared-file.js";
import { packedModel } from "./onnx-packed.js";
import { type SharedModel, sharedModel, WEIGHTS } from "./onnx-shared.js";

type Options = ort.InferenceSession.SessionOptions;

/** Bytes of weights that are copied where the file system can't share their blocks. Larger ones are mapped where they are. */
const MOST_COPIED = 256 * 2 ** 20;

/** Open copies of a model's file, which is the first, and of those beside it; `link` is the path of a shared one. */
export type OwnFiles = readonly { readonly name: string; readonly fd: number; readonly link?: string | undefined }[];

/** A file of a model: the one that is copied, or its bytes, or a shared one that gets another name. */
interface Source {
  readonly name: string;
  readonly from: string | Uint8Array;
  readonly link?: string | undefined;
}

export interface PlacedFiles {
  /** The model, with its weights beside it until `remove`. */
  readonly file: string;
  remove(): void;
}

export interface OwnedFiles extends PlacedFiles {
  /** Whether the model is a graph that ONNX Runtime has optimized already. */
  readonly isOptimized: boolean;
  readonly copies: OwnFiles;
  /** The shared files among them, which exist while these are referenced. */
  readonly shared: readonly SharedFile[];
}

/** How a model's weights may be shared. */
export interface Sharing {
  /** Weights in the model's own file may be moved beside it. @default true */
  readonly splits?: boolean;
  /** They may be packed for sessions with these options. A stranger's graph must not be: its constants may fold to far more than its file. */
  readonly packsFor?: Options | undefined;
}

/**
 * @param file the model
 * @returns undefined where it has no weights beside it, or they are not to be copied: too large, or no room
 */
export function ownFiles(file: string, { splits = true, packsFor }: Sharing = {}): OwnedFiles | undefined {
  if (process.platform !== "linux") return undefined;
  const placed = placeOwn(file, splits);
  const packed = packsFor && placed && packFiles(placed, packsFor);
  if (!packed) return placed;
  placed!.remove();
  closeFiles(placed!.copies);
  return packed;
}

/** @returns undefined if they can't be packed: the files as they are remain */
function packFiles({ file, copies, shared }: OwnedFiles, options: Options): OwnedFiles | undefined {
  if (shared.length === 0 || shared.length < copies.length - 1) return undefined;
  const packed = packedModel(file, shared, options);
  return packed && ownShared(basename(file), packed, true);
}

function placeOwn(file: string, splits: boolean): OwnedFiles | undefined {
  const folder = dirname(file);
  let parts: readonly PathInside[];
  let bytes: number;
  try {
    if (readdirSync(folder).length === 1) return splits ? splitModel(file) : undefined;
    if (statSync(file).size > MOST_COPIED) return undefined;
    const signature = readOnnxSignature(file);
    parts = signature.externalData;
    for (const part of parts) refusePart(file, joinInside(folder, part));
    for (const part of signature.externalParts) refuseOutside(file, part, statSync(join(folder, part.location)).size);
    // ONNX Runtime refuses a path out of the folder.
    if (parts.length === 0) return splits ? splitModel(file) : undefined;
    if (parts.some(part => leadsOutside(folder, joinInside(folder, part)))) return undefined;
    bytes = parts.reduce((sum, part) => sum + statSync(joinInside(folder, part)).size, 0);
  } catch (error) {
    if (error instanceof RuntimeFault) throw error;
    // ONNX Runtime says what is wrong.
    return undefined;
  }
  const mode = bytes > MOST_COPIED ? constants.COPYFILE_FICLONE_FORCE : constants.COPYFILE_FICLONE;
  const shared = bytes > MOST_COPIED ? [] : parts.map(part => sharedCopySync(joinInside(folder, part)));
  return own(
    [
      { name: basename(file), from: file },
      ...parts.map((name, i) => ({ name, from: join(folder, name), link: shared[i]?.path })),
    ],
    mode,
    shared.flatMap(copy => copy ?? []),
  );
}

/** A model with its weights in its own file, as a model with weights beside it. */
function splitModel(file: string): OwnedFiles | undefined {
  const split = sharedModel(file);
  return split && ownShared(basename(file), split, false);
}

function ownShared(name: string, { model, weights }: SharedModel, isOptimized: boolean): OwnedFiles | undefined {
  const files = [
    { name, from: model },
    { name: WEIGHTS, from: weights.path, link: weights.path },
  ];
  return own(files, constants.COPYFILE_FICLONE, [weights], isOptimized);
}

function own(
  files: readonly Source[],
  mode: number,
  shared: readonly SharedFile[],
  isOptimized = false,
): OwnedFiles | undefined {
  const placed = place(files, mode);
  if (!placed) return undefined;
  const folder = dirname(placed.file);
  const copies = files.map(({ name, link }) => ({ name, fd: openSync(join(folder, name), "r"), link }));
  return { ...placed, copies, shared, isOptimized };
}

/** ONNX Runtime opens them by itself, and would wait for the writer of a FIFO. @throws RuntimeFault */
function refusePart(model: string, part: string): void {
  try {
    requireRegular(part);
  } catch (error) {
    throw invalid(`weights of ${model}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws RuntimeFault for a tensor whose data is not in the file, or has another length than its shape */
function refuseOutside(model: string, part: ExternalPart, size: number): void {
  const fault = partFault(part, size);
  if (fault) throw invalid(`${model} ${fault}. Export it again.`);
}

/** Copies of the copies, for a session in another thread. @throws Error where there is no room */
export function placeAgain(copies: OwnFiles): PlacedFiles {
  const placed = place(
    copies.map(({ name, fd, link }) => ({ name, from: `/proc/self/fd/${fd}`, link })),
    constants.COPYFILE_FICLONE,
  );
  if (!placed) throw new Error(`no room for the model's weights in ${tmpdir()}`);
  return placed;
}

export function closeFiles(copies: OwnFiles): void {
  for (const { fd } of copies) closeSync(fd);
}

function place(files: readonly Source[], mode: number): PlacedFiles | undefined {
  let folder: TemporaryFolder | undefined;
  const remove = (): void => {
    folder?.disposeSync();
  };
  try {
    folder = new TemporaryFolder("weights");
    for (const { name, from, link } of files) {
      const to = join(folder.path, name);
      mkdirSync(dirname(to), { recursive: true });
      if (link !== undefined) linkSync(link, to);
      else if (typeof from === "string") copyFileSync(from, to, mode);
      else writeFileSync(to, from);
    }
  } catch {
    remove();
    return undefined;
  }
  return { file: join(folder.path, files[0]!.name), remove };
}

/**
 * Reads the files a program names (ONNX graphs, FAISS indexes, Feast repositories, fitted workflows), once each, relative to the program's
 * file. A file that is missing or broken becomes a message.
 */
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, normalize, relative, resolve, sep } from "node:path";
import type { Plan } from "../../contract/plan.js";
import type { Schema } from "../../contract/schema.js";
import { currentBase } from "../../formats/delta/delta-base.js";
import { type FaissHeader, readFaissHeaderFile } from "../../formats/faiss/faiss.js";
import { readTextIds, textIdsFile } from "../../formats/faiss/text-ids.js";
import { type FeastRepository, readFeastRepository } from "../../formats/feast/feast-repository.js";
import { openToRead } from "../../formats/feast/open-sqlite.js";
import { standsAlone } from "../../formats/feast/store-check.js";
import { readWorkflow } from "../../formats/folders/workflow.js";
import { readMerlinSchema } from "../../formats/merlin-schema/read-merlin-schema.js";
import { type OnnxSignature, readOnnxWithLookUps } from "../../formats/onnx/onnx.js";
import { type AttributeColumns, readAttributeColumns } from "../../formats/tables/attribute-table.js";
import { type CandidateTable, readCandidateTable } from "../../formats/tables/candidate-table.js";
import { type EmbeddingTable, readEmbeddingTable } from "../../formats/tables/embedding-table.js";
import { type ImplicitFactors, readImplicitFactors } from "../../formats/tables/implicit.js";
import { readVectorStore, type VectorStore } from "../../formats/vectors/vector-store.js";
import { isMerlonFile } from "../1-rewrite/file-form.js";
import { listNames, type Message, nearNames } from "../diagnostics/diagnostic.js";
import { replacing, Suggestion } from "../diagnostics/fixes.js";
import * as messages from "../diagnostics/messages.js";
import type { Forest } from "../forest/forest.js";
import { readForest } from "../forest/read-forest.js";
import { workflowMaking } from "./near-workflows.js";
import { isInside, projectOf } from "./project.js";

/** An index, and whether an id map beside it gives it text ids. */
export interface IndexFile extends FaissHeader {
  readonly hasTextIds: boolean;
  /** The file that was read: another base, if a compaction ended before it took the index's place. */
  readonly file: string;
}

export type Read<T> =
  | { readonly ok: true; readonly value: T; readonly path: string }
  | { readonly ok: false; readonly message: Message };

export interface ArtefactReader {
  onnx(path: string): Read<OnnxSignature>;
  faiss(path: string): Read<IndexFile>;
  feast(path: string): Read<FeastRepository>;
  workflow(path: string): Read<Plan>;
  schema(path: string): Read<Schema>;
  forest(path: string): Read<Forest>;
  embedding(path: string): Read<EmbeddingTable>;
  implicit(path: string): Read<ImplicitFactors>;
  attributes(path: string): Read<AttributeColumns>;
  candidates(path: string): Read<CandidateTable>;
  vectors(path: string): Read<VectorStore>;
  /** Path of a fitted workflow near the program that makes all these columns. */
  workflowMaking(columns: readonly string[]): string | undefined;
  /** Files and folders that were looked up so far, missing ones included. */
  readonly used: ReadonlySet<string>;
  /** Messages for artefacts that are not any more what they were when they were read. */
  changed(): Message[];
}

/** Files of a folder that a message names. */
const MOST_INSIDE = 3;

const KINDS = {
  onnx: {
    what: "The ONNX file",
    read: readOnnxWithLookUps,
    make: "Export the model there, or correct the path (it is relative to this file).",
  },
  faiss: {
    what: "The FAISS index",
    read: readIndexFile,
    make: "Build it with `merlon index build --data embeddings.parquet --id item_id --embedding embedding --out %path%`.",
  },
  feast: {
    what: "The Feast repository",
    read: (folder: string) => readFeastRepository(folder),
    make: "Point at the folder that holds `feature_store.yaml`, and run `feast apply` there.",
  },
  workflow: {
    what: "The fitted workflow",
    read: readWorkflow,
    make: "Fit it with `merlon fit NAME.workflow.ts --data 'data/*.parquet' --out %path%`.",
  },
  schema: {
    what: "The schema",
    read: readMerlinSchema,
    make: "Point at Merlin's `schema.pbtxt` or `.merlin/schema.json`, or at the folder that holds it.",
  },
  embedding: {
    what: "The embedding table",
    read: readEmbeddingTable,
    make: "Make it with `merlon embedding build --data embeddings.parquet --id item_id --embedding embedding --out %path%`.",
  },
  implicit: {
    what: "The factors",
    read: readImplicitFactors,
    make: 'Save the model of the `implicit` library there, `model.save("%path%")`, or correct the path (it is relative to this file).',
  },
  attributes: {
    what: "The table of attributes",
    read: readAttributeColumns,
    make: "Write a Parquet or Arrow file there, with a column of the index's ids, or correct the path (it is relative to this file).",
  },
  candidates: {
    what: "The table of candidates",
    read: readCandidateTable,
    make: "Make it with `merlon candidates`, or correct the path (it is relative to this file).",
  },
  vectors: {
    what: "The vector store",
    read: readVectorStore,
    make: "Write a file with `type`, `url` and `dimension` there, or correct the path (it is relative to this file).",
  },
  forest: {
    what: "The forest",
    read: readForest,
    make: "Save it there with XGBoost's or LightGBM's `save_model`, or correct the path (it is relative to this file).",
  },
} as const;

/** @throws Error naming the index or its map */
function readIndexFile(index: string): IndexFile {
  const file = currentBase(index);
  const header = readFaissHeaderFile(file);
  const map = textIdsFile(file);
  if (!existsSync(map)) return { ...header, file, hasTextIds: false };
  if (leadsOutside(map, file))
    throw new Error(`its id map \`${basename(map)}\` is a link that leads outside its folder`);
  readTextIds(map, { index: file, ntotal: header.ntotal });
  return { ...header, file, hasTextIds: true };
}

/** @param folder what relative paths start from */
export function artefactReader(folder: string): ArtefactReader {
  const cache = new Map<string, Read<unknown>>();
  const files = readFiles();
  const reader =
    <T>(kind: keyof typeof KINDS) =>
    (path: string): Read<T> => {
      const key = `${kind} ${path}`;
      if (!cache.has(key)) cache.set(key, read(kind, path));
      return cache.get(key) as Read<T>;
    };
  const read = (kind: keyof typeof KINDS, path: string): Read<unknown> => {
    const { what, read } = KINDS[kind];
    const resolved = resolve(folder, path);
    files.used.add(resolved);
    const absent = absence(kind, { folder, path, resolved });
    if (absent) return { ok: false, message: absent };
    const remember: Remember = (path, resolved) => files.remember(what, path, resolved);
    remember(path, resolved);
    if (kind === "faiss") remember(textIdsFile(path), textIdsFile(resolved));
    const mixedUp = pathMistake(kind, what, path, resolved);
    if (mixedUp) return { ok: false, message: mixedUp };
    try {
      const value = read(resolved);
      const fault = rememberBeside(value, { path, resolved, used: files.used, remember });
      return fault ? { ok: false, message: fault } : { ok: true, value, path: resolved };
    } catch (error) {
      return { ok: false, message: unreadable(what, path, resolved, error as Error) };
    }
  };
  return {
    onnx: reader("onnx"),
    faiss: reader("faiss"),
    feast: reader("feast"),
    workflow: reader("workflow"),
    schema: reader("schema"),
    forest: reader("forest"),
    embedding: reader("embedding"),
    implicit: reader("implicit"),
    attributes: reader("attributes"),
    candidates: reader("candidates"),
    vectors: reader("vectors"),
    workflowMaking: columns => workflowMaking(folder, columns),
    used: files.used,
    changed: files.changed,
  };
}

/** Notes a file as it is now. @param path as a message names it */
type Remember = (path: string, resolved: string) => void;

/** The files that a compilation has looked up and read. */
function readFiles() {
  const used = new Set<string>();
  const prints = new Map<string, string>();
  return {
    used,
    remember(what: string, path: string, resolved: string): void {
      used.add(resolved);
      prints.set(`${what}\n${path}\n${resolved}`, fingerprint(resolved));
    },
    changed: (): Message[] =>
      [...prints].flatMap(([key, print]) => {
        const [what, path, resolved] = key.split("\n") as [string, string, string];
        return fingerprint(resolved) === print ? [] : [messages.artefactChanged({ what, path })];
      }),
  };
}

interface Place {
  /** The folder of relative paths. */
  readonly folder: string;
  readonly path: string;
  readonly resolved: string;
}

/** Message for a path that leads out of the project, or to nothing. */
function absence(kind: keyof typeof KINDS, { folder, path, resolved }: Place): Message | undefined {
  const { what, make } = KINDS[kind];
  const project = projectOf(folder);
  if (project !== undefined && !isInside(project, resolved))
    return messages.artefactOutside({ what, path, project: relative(folder, project) || "." });
  if (existsSync(resolved)) return undefined;
  return messages.artefactMissing({
    ...{ what, path },
    resolved: isAbsolute(path) ? resolved : relative(process.cwd(), resolved) || ".",
    suggestion: nearPaths(folder, path),
    way: kind === "workflow" && isMerlonFile(path) ? fitOf(path) : make.replace("%path%", path),
  });
}

/** Notes the files that an artefact has beside it. @returns a message for one that is missing @throws Error for a link to elsewhere */
function rememberBeside(
  value: ReturnType<(typeof KINDS)[keyof typeof KINDS]["read"]>,
  {
    path,
    resolved,
    used,
    remember,
  }: Omit<Place, "folder"> & { readonly used: Set<string>; readonly remember: Remember },
): Message | undefined {
  const beside = (file: string): string => join(dirname(path), file);
  if ("hasTextIds" in value && value.file !== resolved)
    for (const file of [value.file, textIdsFile(value.file)]) remember(beside(basename(file)), file);
  if ("onlineStore" in value && value.onlineStore.type === "sqlite" && rollBack(value.onlineStore.file))
    remember(path, resolved);
  for (const part of "externalData" in value ? value.externalData : []) {
    const file = join(dirname(resolved), part);
    used.add(file);
    if (!existsSync(file)) return messages.onnxDataMissing({ path, file: part });
    if (leadsOutside(file, resolved))
      throw new Error(`it keeps weights in \`${part}\`, a link that leads outside its folder`);
    remember(beside(part), file);
  }
  return undefined;
}

/** Kinds of one file, and their names. */
const FILES: Partial<Record<keyof typeof KINDS, RegExp>> = {
  onnx: /\.onnx$/,
  faiss: /\.(faiss|index)$/,
  implicit: /\.npz$/,
  attributes: /\.(parquet|arrow|feather)$/,
  candidates: /\.candidates$/,
  vectors: /\.vectors\.ya?ml$/,
  forest: /\.(json|ubj|txt)$/,
};
/** Kinds of a folder, and the file that identifies it. */
const FOLDERS: Partial<Record<keyof typeof KINDS, string>> = { feast: "feature_store.yaml", workflow: "workflow.json" };

const fitOf = (program: string): string =>
  `Fit the program, and name the folder that the fit writes: \`merlon fit ${program} --data 'data/*.parquet' --out FOLDER\`.`;

/**
 * Message for a folder in place of a file in it, or a file in place of its folder. The file may be a program in place of the folder that its fit
 * writes.
 */
function pathMistake(kind: keyof typeof KINDS, what: string, path: string, resolved: string): Message | undefined {
  const isFolder = statSync(resolved).isDirectory();
  const files = FILES[kind];
  const marker = FOLDERS[kind];
  const fault = (reason: string, way: string, names: readonly string[] = []): Message => ({
    ...messages.artefactUnreadable({ what, path, reason, way }),
    ...replacing(new Suggestion(path, names)),
  });
  if (files && isFolder) {
    const inside = readdirSync(resolved)
      .filter(name => files.test(name))
      .sort();
    const names = inside.slice(0, MOST_INSIDE).map(name => join(path, name));
    return fault(
      "it is a folder, not a file",
      names.length > 0 ? `Name the file in it: ${listNames(names)}.` : "Name the file itself.",
      names,
    );
  }
  if (!marker || isFolder) return undefined;
  const reason = `this is a file; a ${what.slice("The ".length)} is a folder`;
  if (basename(path) === marker) return fault(reason, `Name its folder: \`${dirname(path)}\`.`, [dirname(path)]);
  if (kind === "workflow" && isMerlonFile(path)) return fault(reason, fitOf(path));
  return fault(reason, `Name the folder with its \`${marker}\` (the path is relative to this file).`);
}

/** @param path as the author wrote it @param resolved where it leads, which a reader's words may begin with */
function unreadable(what: string, path: string, resolved: string, { message }: Error): Message {
  const reason = message
    .replace(`${resolved}: `, "")
    .replace(new RegExp(`^${quoteForRegExp(resolved)} `), "it ")
    .replaceAll(resolved, path);
  return messages.artefactUnreadable({
    what,
    path,
    reason: reason.replace(/\.$/, ""),
    way: "Correct the path (it is relative to this file), or make the file again.",
  });
}

/** Whether a model's data file is a link to elsewhere. A model may itself be a link to where both lie, as in a cache of downloads. */
const leadsOutside = (file: string, model: string): boolean =>
  ![dirname(model), dirname(realpathSync(model))].some(home => realpathSync(file).startsWith(realpathSync(home) + sep));

/** SQLite makes and removes these when a store is only read. */
const BESIDE_STORE = /-(journal|wal|shm)$/;

/** Puts right what a killed writer left. @returns whether the file may have changed */
function rollBack(store: string): boolean {
  if (standsAlone(store)) return false;
  try {
    openToRead(store, 0).close();
  } catch {
    // The build says so, where it copies the store.
  }
  return true;
}

/** Changes if a file, or a file of a folder, is written again. */
function fingerprint(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stat) return "gone";
  if (!stat.isDirectory()) return `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
  return readdirSync(path)
    .filter(name => !BESIDE_STORE.test(name))
    .sort()
    .map(name => `${name}: ${fingerprint(join(path, name))}`)
    .join("\n");
}

const quoteForRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Paths beside the missing one that look like it. */
function nearPaths(folder: string, path: string): Suggestion {
  const parent = resolve(folder, dirname(path));
  const isThere = existsSync(parent) && statSync(parent).isDirectory();
  const names = isThere ? nearNames(basename(path), readdirSync(parent)) : [];
  const near = names.map(name => join(dirname(path), name));
  return new Suggestion(path, near.length > 0 ? near : elsewhere(folder, path));
}

/** A path that was written from another folder: the project's, or one above or below the program's. */
function elsewhere(folder: string, path: string): string[] {
  if (isAbsolute(path)) return [];
  const parts = normalize(path).split(sep);
  const below = parts.slice(1).map((_, i) => join(...parts.slice(i + 1)));
  const above = [join("..", path), join("..", "..", path)];
  const project = projectOf(folder);
  return [...below, ...above]
    .filter(other => existsSync(resolve(folder, other)))
    .filter(other => project === undefined || isInside(project, resolve(folder, other)))
    .filter(other => /[^./\\]/.test(other))
    .slice(0, 1);
}

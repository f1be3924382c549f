/**
 * `manifest.json`: size and SHA-256 of every immutable file of a model that `merlon build` wrote, and of a fitted workflow's folder. It is
 * written last. A file that was edited or damaged since is named when the folder is loaded.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { stateOf } from "../../contract/any-step.js";
import { expandFused } from "../../contract/expand-fused.js";
import { isPathInside } from "../../contract/files/path-inside.js";
import { type Plan, PlanError } from "../../contract/plan.js";
import { type FittedProgram, fittedProgramSchema } from "./fitted-program.js";
import { MANIFEST_FILE } from "./manifest-names.js";

export { MANIFEST_FILE, MANIFEST_PARAMETER } from "./manifest-names.js";

export interface FileSum {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface Manifest {
  /** By path below the folder, with `/`. */
  readonly files: ReadonlyMap<string, FileSum>;
  /** Files that are written in place, and have a check of their own beside them. */
  readonly inPlace: readonly string[];
  /** For a fitted workflow: the checksum of each step's state, so that a changed step can be named. */
  readonly states: Readonly<Record<string, string>>;
  /** For a fitted workflow: its program; older folders and those of libraries have none. */
  readonly program?: FittedProgram;
  /** For a model; those of older builds have none. */
  readonly built?: BuiltFrom;
}

const builtSchema = z.object({
  kind: z.enum(["ensemble", "workflow"]),
  name: z.string(),
  /** Name of its entry model. */
  entry: z.string(),
  /** Path of the program from the folder of its project. */
  file: z.string().optional(),
});
/** The program of a model. */
export type BuiltFrom = Readonly<z.output<typeof builtSchema>>;

const relativePath = z.string().refine(isPathInside);
const manifestSchema = z.object({
  format: z.literal("merlon/manifest"),
  version: z.union([z.literal(1), z.literal(2)]),
  files: z.record(
    relativePath,
    z.union([
      z.object({ bytes: z.number().int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
      // Version 1 had no sizes.
      z
        .string()
        .regex(/^sha256:[0-9a-f]{64}$/)
        .transform(sum => ({ bytes: -1, sha256: sum.slice("sha256:".length) })),
    ]),
  ),
  inPlace: z.array(relativePath).default([]),
  states: z.record(z.string(), z.string()).default({}),
  program: fittedProgramSchema.optional(),
  built: builtSchema.optional(),
});

/** A manifest of a million files is smaller. */
const MAX_BYTES = 256 << 20;

interface PrintOptions {
  readonly inPlace?: readonly string[];
  /** For a fitted workflow. */
  readonly plan?: Plan;
  /** For a fitted workflow. */
  readonly program?: FittedProgram | undefined;
  /** For a model. */
  readonly built?: BuiltFrom;
  /** Files that are not listed, besides those written in place. */
  readonly without?: ReadonlySet<string>;
}

/** The manifest of a folder as it is now: byte-stable for equal files. */
export function printManifest(
  folder: string,
  { inPlace = [], plan, program, built, without = new Set() }: PrintOptions = {},
): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(join(folder, "/").length))
    .filter(path => path !== MANIFEST_FILE && !inPlace.includes(path) && !without.has(path))
    .sort();
  const manifest = {
    format: "merlon/manifest",
    version: 2,
    files: Object.fromEntries(files.map(path => [path, sumOfFile(join(folder, path))])),
    ...(inPlace.length > 0 && { inPlace: [...inPlace].sort() }),
    ...(plan && { states: statesOf(plan) }),
    ...(program && { program }),
    ...(built && { built }),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** @returns undefined where the folder has none @throws PlanError for a manifest that cannot be read */
export function readManifest(folder: string, again: string = AGAIN.build): Manifest | undefined {
  const path = join(folder, MANIFEST_FILE);
  if (!existsSync(path)) return undefined;
  try {
    const read = manifestSchema.parse(JSON.parse(readWhole(path).toString("utf8")));
    const { files, inPlace, states, program, built } = read;
    return {
      files: new Map(Object.entries(files)),
      inPlace,
      states,
      ...(program && { program }),
      ...(built && { built }),
    };
  } catch {
    throw new PlanError(`${path} is not a manifest: it was edited or damaged since it was written. ${again}`);
  }
}

/** The fix for a changed file. */
export const AGAIN = {
  build: "Run `merlon build` again, or bring back the file that it wrote.",
  fit: "Run `merlon fit` again, or bring back the file that it wrote.",
} as const;

/** Size and checksum of a regular file, read piece by piece. @throws Error naming what it is instead */
export function sumOfFile(path: string): FileSum {
  const hash = createHash("sha256");
  let bytes = 0;
  for (const piece of pieces(path)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** @returns a text that completes "FILE …" where the file is not what the manifest says */
export function faultOf(
  path: string,
  { bytes, sha256 }: FileSum,
  writer: "build" | "fit" = "build",
): string | undefined {
  const by = `\`merlon ${writer}\` wrote`;
  let size: number;
  try {
    size = sizeOf(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? `is missing; ${by} it` : `cannot be read (${code ?? (error as Error).message})`;
  }
  if (bytes >= 0 && size !== bytes) return `has ${size} bytes, but ${by} ${bytes}: it was edited or damaged since`;
  return differenceOf(sumOfFile(path).sha256, sha256, writer);
}

/** The same of checksums that are known already. */
export const differenceOf = (found: string, wanted: string, writer: "build" | "fit" = "build"): string | undefined =>
  found === wanted
    ? undefined
    : `has the checksum ${short(found)}, but \`merlon ${writer}\` wrote ${short(wanted)}: it was edited or damaged since`;

/** Golden rows, which people may leave out of a copy. */
const GOLDEN = "golden.json";

/**
 * Compares a fitted folder with its manifest. A folder without one (an older fit's) passes.
 * @throws PlanError naming the file, its checksum, and the one that the fit wrote
 */
export function checkFitted(folder: string, plan: Plan): void {
  const manifest = readManifest(folder, AGAIN.fit);
  if (!manifest) return;
  for (const [step, sum] of Object.entries(statesOf(plan))) {
    const fault = differenceOf(sum, manifest.states[step] ?? sum, "fit");
    if (fault)
      throw new PlanError(`${join(folder, "workflow.json")}: the state of step \`${step}\` ${fault}. ${AGAIN.fit}`);
  }
  for (const [path, sum] of manifest.files) {
    const file = join(folder, path);
    if (path === GOLDEN && !existsSync(file)) continue;
    const fault = faultOf(file, sum, "fit");
    if (fault) throw new PlanError(`${file} ${fault}. ${AGAIN.fit}`);
  }
}

const statesOf = (plan: Plan): Record<string, string> =>
  Object.fromEntries(
    expandFused(plan).steps.flatMap(step => {
      const state = stateOf(step);
      if (state === undefined) return [];
      return [[step.id, `sha256:${createHash("sha256").update(sorted(state)).digest("hex")}`]];
    }),
  );

/** JSON with the keys of objects in order. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) =>
    typeof v === "object" && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );

const short = (sum: string): string => `sha256:${sum.replace("sha256:", "").slice(0, 12)}`;

/** Opening a pipe must not wait for a writer. */
const openRegular = (path: string): number => {
  const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(handle).isFile()) return handle;
  closeSync(handle);
  throw new Error("it is not a regular file");
};

function sizeOf(path: string): number {
  const handle = openRegular(path);
  const { size } = fstatSync(handle);
  closeSync(handle);
  return size;
}

const PIECE = 1 << 20;

/** The same buffer each time. */
function* pieces(path: string): Generator<Uint8Array> {
  const handle = openRegular(path);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(PIECE, Math.max(1, fstatSync(handle).size)));
    for (;;) {
      const got = readSync(handle, buffer);
      if (got === 0) return;
      yield buffer.subarray(0, got);
    }
  } finally {
    closeSync(handle);
  }
}

function readWhole(path: string): Buffer {
  if (sizeOf(path) > MAX_BYTES) throw new Error("too large");
  return Buffer.concat([...pieces(path)].map(piece => Buffer.from(piece)));
}

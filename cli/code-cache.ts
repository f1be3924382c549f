/**
 * A bundle of CommonJS chunks, run with V8's code cache of an earlier start: `CHUNK.TAG.cache` beside each, written once it has run.
 * TAG is of Node's version, of V8's flags and the processor; a cache of another source or with a damaged byte is none. If none can be
 * written, the program runs without.
 */
import { accessSync, constants, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";

type Run = (
  exports: object,
  require: Require,
  module: { exports: object },
  file: string,
  folder: string,
  importModule: (id: string) => Promise<unknown>,
) => void;
type Require = ((id: string) => unknown) & Pick<NodeJS.Require, "resolve">;

/** Without flags, Node's version says it all, and `node:v8`, 2 ms of a start, is left out; V8 itself refuses what it could not run. */
const tagOf = (flags: string): string =>
  process.execArgv.length === 0 && !process.env.NODE_OPTIONS
    ? crc32(`${process.version} ${process.arch} ${flags}`).toString(36)
    : process.getBuiltinModule("node:v8").cachedDataVersionTag().toString(36);
let tag: string;
/** Modules that take milliseconds to load and few servers use; the chunks read their members at use. */
const LATER: ReadonlySet<string> = new Set(["node:crypto", "node:tls"]);
/** CRC-32 of the source and of V8's data, before the data. */
const HEAD = 8;
/** By then a server has started, and its functions are compiled; they go into the cache too. */
const WAIT_MS = 2000;

/** @param flags of V8 that this program has set @returns what the entry exports */
export function runBundle(entry: URL, flags = ""): object {
  tag = tagOf(flags);
  const main = fileURLToPath(entry);
  const folder = dirname(main);
  const outside = createRequire(main);
  const modules = new Map<string, { exports: object }>();
  const run = (file: string): object => {
    const known = modules.get(file);
    if (known) return known.exports;
    const module = { exports: {} };
    modules.set(file, module);
    compile(file)(module.exports, require, module, file, folder, id => import(id));
    return module.exports;
  };
  const find = (id: string): unknown => {
    if (LATER.has(id)) return new Proxy({}, { get: (_, name) => (outside(id) as Record<PropertyKey, unknown>)[name] });
    return id.startsWith("./") ? run(join(folder, id)) : outside(id);
  };
  const require: Require = Object.assign(find, { resolve: outside.resolve });
  return run(main);
}

function compile(file: string): Run {
  const source = readFileSync(file);
  const sum = crc32(source);
  const cachedData = readCache(file, sum);
  const script = new Script(
    `(function (exports, require, module, __filename, __dirname, __import) {${source.toString()}\n})`,
    {
      filename: file,
      ...(cachedData && { cachedData }),
    },
  );
  if (!cachedData || script.cachedDataRejected) plan({ file, sum, script });
  return script.runInThisContext() as Run;
}

const cacheOf = (file: string): string => `${file}.${tag}.cache`;

function readCache(file: string, sum: number): Buffer | undefined {
  try {
    const bytes = readFileSync(cacheOf(file));
    const data = bytes.subarray(HEAD);
    return bytes.readUInt32LE(0) === sum && bytes.readUInt32LE(4) === crc32(data) ? data : undefined;
  } catch {
    return undefined;
  }
}

interface Fresh {
  readonly file: string;
  readonly sum: number;
  readonly script: Script;
}

const waiting: Fresh[] = [];

function plan(fresh: Fresh): void {
  if (waiting.push(fresh) > 1) return;
  setTimeout(writeCaches, WAIT_MS).unref();
  process.once("exit", writeCaches);
}

function writeCaches(): void {
  process.off("exit", writeCaches);
  const all = waiting.splice(0);
  if (!mayWrite(all[0]!.file)) return;
  for (const { file, sum, script } of all) {
    const data = script.createCachedData();
    const head = Buffer.alloc(HEAD);
    head.writeUInt32LE(sum, 0);
    head.writeUInt32LE(crc32(data), 4);
    if (!replace(cacheOf(file), Buffer.concat([head, data]))) return;
  }
}

/** If root runs another user's installation, it leaves no file there that the owner can't remove. */
function mayWrite(file: string): boolean {
  try {
    accessSync(dirname(file), constants.W_OK);
    return !process.getuid || statSync(file).uid === process.getuid();
  } catch {
    return false;
  }
}

/** Other processes see the whole file or none. */
function replace(path: string, bytes: Buffer): boolean {
  // Two processes may have one number, each in a container of its own. Cryptography would be loaded for a name alone.
  const staged = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    writeFileSync(staged, bytes, { flag: "wx" });
    renameSync(staged, path);
    return true;
  } catch {
    try {
      rmSync(staged, { force: true });
    } catch {
      // It could not be written either.
    }
    return false;
  }
}

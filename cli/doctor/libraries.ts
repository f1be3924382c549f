/**
 * The shared libraries that Linux's loader finds: `LD_LIBRARY_PATH`, its cache, and its default folders.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

export interface Library {
  readonly path: string;
  /** Whether the loader looks there; else `LD_LIBRARY_PATH` has to name the folder. */
  readonly isSearched: boolean;
}

/** @param beside folders that the library which needs it names itself */
export type FindLibrary = (name: string, beside?: readonly string[]) => Library | undefined;

const TRIPLES: Readonly<Record<string, string>> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
const DEFAULTS = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"];
/** Folders of CUDA's installers, which the loader may not search. */
const CUDA_FOLDERS = ["/usr/local/cuda/lib64", "/usr/local/cuda/targets/x86_64-linux/lib", "/usr/lib/wsl/lib"];

export interface LibraryPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Lines as `ldconfig -p` prints them. */
  readonly cache: () => string;
  readonly searched: readonly string[];
  readonly others: readonly string[];
}

export const LIBRARY_PLACES: LibraryPlaces = {
  env: process.env,
  cache: () => {
    for (const program of ["/sbin/ldconfig", "/usr/sbin/ldconfig"])
      try {
        return execFileSync(program, ["-p"], { encoding: "utf8", timeout: 5000, stdio: ["ignore", "pipe", "ignore"] });
      } catch {
        // It is elsewhere, or not here at all (Alpine).
      }
    return "";
  },
  searched: [
    ...[TRIPLES[process.arch]].flatMap(triple => (triple ? [`/lib/${triple}`, `/usr/lib/${triple}`] : [])),
    ...DEFAULTS,
  ],
  others: CUDA_FOLDERS,
};

export function libraryFinder({ env, cache, searched, others }: LibraryPlaces = LIBRARY_PLACES): FindLibrary {
  const own = (env.LD_LIBRARY_PATH ?? "").split(":").filter(folder => folder !== "");
  let cached: ReadonlyMap<string, string> | undefined;
  return (name, beside = []) => {
    cached ??= readCache(cache());
    const [first] = [...own, ...beside].map(folder => join(folder, name)).filter(path => existsSync(path));
    const path = first ?? cached.get(name) ?? searched.map(folder => join(folder, name)).find(one => existsSync(one));
    if (path !== undefined) return { path, isSearched: true };
    const other = others.map(folder => join(folder, name)).find(one => existsSync(one));
    return other === undefined ? undefined : { path: other, isSearched: false };
  };
}

/** `	libcudart.so.12 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcudart.so.12` */
function readCache(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\n").map(line => /^\s+(\S+) \([^)]*\) => (.+)$/.exec(line));
  return new Map(lines.flatMap(found => (found ? [[found[1]!, found[2]!] as const] : [])).reverse());
}

/**
 * How the folders of models are looked at: beside requests, which go on meanwhile, or at once, which takes a fifth of the time, while a server starts
 * and nothing else is to be done.
 */
import { type Dirent, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";

/** Each rejects as the function of Node's does. */
export interface Disk {
  list(folder: string): Promise<readonly Dirent[]>;
  stat(path: string): Promise<Stats>;
  read(path: string): Promise<Uint8Array>;
}

export const BESIDE_REQUESTS: Disk = {
  list: folder => readdir(folder, { withFileTypes: true }),
  stat: path => stat(path),
  read: path => readFile(path),
};

export const AT_ONCE: Disk = {
  list: async folder => readdirSync(folder, { withFileTypes: true }),
  stat: async path => statSync(path),
  read: async path => readFileSync(path),
};

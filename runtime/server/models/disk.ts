/**
 * Reads the folders of models: asynchronously beside requests, or synchronously while a server starts, which takes a fifth of the time.
 */
import { type Dirent, readdirSync, type Stats, statSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { FILE_LIMITS, readRegular, readRegularSync } from "../../../contract/files/read-regular.js";

/** Each rejects as the function of Node's does. */
export interface Disk {
  list(folder: string): Promise<readonly Dirent[]>;
  stat(path: string): Promise<Stats>;
  /** A configuration: a regular file, up to its limit. */
  read(path: string): Promise<Uint8Array>;
}

export const BESIDE_REQUESTS: Disk = {
  list: folder => readdir(folder, { withFileTypes: true }),
  stat: path => stat(path),
  read: path => readRegular(path, FILE_LIMITS.config),
};

export const AT_ONCE: Disk = {
  list: async folder => readdirSync(folder, { withFileTypes: true }),
  stat: async path => statSync(path),
  read: async path => readRegularSync(path, FILE_LIMITS.config),
};

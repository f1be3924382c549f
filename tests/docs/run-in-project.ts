/** The built command in a scratch project, as a reader runs it. */
import { execFile } from "node:child_process";
import { builtFile } from "../needs/built.js";

export interface Ran {
  readonly status: number | string;
  readonly out: string;
  readonly err: string;
}

/** @param words of `merlon` */
export const runInProject = (folder: string, words: readonly string[]): Promise<Ran> =>
  new Promise(resolve => {
    execFile(process.execPath, [builtFile("bin/merlon.cjs"), ...words], { cwd: folder }, (error, out, err) =>
      resolve({ status: error ? (error.code ?? "signal") : 0, out, err }),
    );
  });

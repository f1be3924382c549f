/** The built command, run as a person runs it. */
import { execFile } from "node:child_process";
import { MERLON } from "../needs/built.js";

/** Runs the command in a folder. */
export const merlon = (folder: string, ...args: string[]): Promise<{ status: number; out: string; err: string }> =>
  new Promise(resolve => {
    execFile(process.execPath, [MERLON, ...args], { cwd: folder }, (error, out, err) =>
      resolve({ status: error ? Number(error.code) : 0, out, err }),
    );
  });

/**
 * Which folders a command may write: its own, those that it wrote before, and empty ones. A folder that holds other files is refused, because
 * the command would replace them.
 */
import { existsSync, lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, relative, resolve, sep } from "node:path";
import { unwritable } from "../../contract/files/file-fault.js";

export interface OutputRule {
  /** For the message: `merlon fit`. */
  readonly command: string;
  /** Whether the command may write into this folder that is not empty: it wrote it before. */
  readonly isOwn: (folder: string) => boolean;
  /** Files that the command reads: a folder that has them is not one to write. */
  readonly reads?: readonly string[];
}

/**
 * @param out as the user wrote it
 * @returns the folder, with links resolved
 * @throws Error that says why it is refused
 */
export function outputFolder(out: string, { command, isOwn, reads = [] }: OutputRule): string {
  const refuse = (why: string, instead = "Give another `--out`."): never => {
    throw new Error(`\`${out}\` ${why} ${instead}`);
  };
  const folder = realFolder(out);
  if (dirname(folder) === folder) refuse("is the root of the file system.");
  if (isAbove(folder, realpathSync(process.cwd()))) refuse("holds the working directory.");
  const read = reads.find(path => isAbove(folder, realFolder(path)));
  if (read !== undefined) refuse(`holds \`${read}\`, which the command reads.`);
  if (!existsSync(folder)) return folder;
  const found = statSync(folder);
  if (!found.isDirectory()) refuse(`is a file; \`${command}\` writes a folder there.`);
  if (found.dev !== statSync(dirname(folder)).dev) refuse("is a mount point.", "Give a folder below it as `--out`.");
  const entries = readdirSync(folder);
  if (entries.length > 0 && !isOwn(folder))
    refuse(
      `holds ${entries.length === 1 ? `\`${entries[0]}\`` : `${entries.length} entries`} that \`${command}\` did not write.`,
      "Give another `--out`, or empty it.",
    );
  return folder;
}

function realFolder(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch (error) {
    const parent = dirname(whole);
    // Not there yet; a link that leads nowhere is an entry of its folder.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || isEntry(whole)) throw unwritable(path, error);
    return parent === whole ? whole : resolve(realFolder(parent), relative(parent, whole));
  }
}

const isEntry = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** Whether a folder is one of those that contain a path. */
const isAbove = (folder: string, path: string): boolean => path.startsWith(`${folder}${sep}`);

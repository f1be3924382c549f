/**
 * The flags of Node's permission model that several workers need.
 */
import { join } from "node:path";
import { parentOfSockets } from "../peers/socket-folder.js";

/** @returns the missing flags, as they are typed; none without the permission model */
export function missingForWorkers(): readonly string[] {
  // Undefined without the permission model, though its type is not.
  const permission = process.permission as NodeJS.ProcessPermission | undefined;
  if (!permission) return [];
  const has = permission.has.bind(permission);
  const folder = parentOfSockets();
  // A path of a file in it: a flag with a final slash is for the files of a folder.
  const socket = join(folder, "merlon-workers", "0.sock");
  return [
    ...(has("child") ? [] : ["--allow-child-process"]),
    ...(has("fs.read", socket) ? [] : [`--allow-fs-read=${join(folder, "/")}`]),
    ...(has("fs.write", socket) ? [] : [`--allow-fs-write=${join(folder, "/")}`]),
  ];
}

/** Names of files that are written whole and then renamed: two writers share none, also if both are process 1 of their containers. */
import { randomBytes } from "node:crypto";

/** A path beside another that no file has; create it with the flag `wx`, so that a link under its name is not followed. */
export const siblingOf = (path: string): string => `${path}.${randomBytes(6).toString("hex")}.partial`;

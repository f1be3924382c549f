import { invalid, type RuntimeFault } from "../base/errors.js";

/** A file with two columns of one name: which of them is read would depend on the reader. */
export const doubledColumn = (file: string, name: string): RuntimeFault =>
  invalid(`\`${file}\` has two columns \`${name}\`. Rename one of them, or leave it out.`);

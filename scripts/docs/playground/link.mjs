// A program in a link: the fragment holds the file's name and its text, deflated, or the name of an example. The fragment is not sent to any server.
import { deflateSync, inflateSync, strFromU8, strToU8 } from "fflate";

/** Longer texts are refused: a link of a few bytes must not unpack to a page's whole memory. */
export const LONGEST = 200_000;

const toUrl = bytes =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
const fromUrl = text =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), char => char.charCodeAt(0));

/** @returns the fragment, without `#` */
export const writeLink = ({ file, text }) => `code=${toUrl(deflateSync(strToU8(JSON.stringify({ file, text }))))}`;

/** @param name of an example: its path in tests/samples @returns the fragment, without `#` */
export const linkToExample = name => `example=${name}`;

const isPath = file => typeof file === "string" && /^[\w.-]+\/[\w.-]+$/.test(file) && !file.includes("..");

/** @returns file and text, or the file alone for an example. Undefined for a fragment without a program, a damaged one, or a long one. */
export function readLink(fragment) {
  const example = /^#?example=(.*)$/.exec(fragment)?.[1];
  if (example !== undefined) return isPath(example) ? { file: example } : undefined;
  const found = /^#?code=([\w-]+)$/.exec(fragment);
  if (!found) return undefined;
  try {
    const out = new Uint8Array(LONGEST);
    const { file, text } = JSON.parse(strFromU8(inflateSync(fromUrl(found[1]), { out })));
    return isPath(file) && typeof text === "string" ? { file, text } : undefined;
  } catch {
    return undefined;
  }
}

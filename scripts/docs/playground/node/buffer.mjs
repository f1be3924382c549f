export { Buffer } from "buffer";
export function isUtf8(bytes) {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
export const isAscii = bytes => bytes.every(byte => byte < 0x80);

/** FNV-1a of a text's UTF-16 units, 32 bits. */
const BASIS = 0x811c9dc5;

export function hashText(text: string): number {
  let hash = BASIS;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

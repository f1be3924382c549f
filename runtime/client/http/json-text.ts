/**
 * JSON with numbers as inference servers write them: 64-bit integers and NaN, which JSON.parse would round or refuse, arrive as texts.
 */
// A string without an end is a token too: trying each of its quotes anew would take quadratic time.
const TOKENS = /"(?:[^"\\]|\\.)*"?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?\b(?:NaN|Infinity|Inf)\b/g;

/** @throws SyntaxError */
export function parseJsonText(text: string): unknown {
  if (!/\d{16}|NaN|Inf/.test(text)) return JSON.parse(text);
  return JSON.parse(
    text.replace(TOKENS, token => {
      if (token.startsWith('"')) return token;
      if (/[NI]/.test(token)) return `"${token.replace(/Inf$/, "Infinity")}"`;
      return /^-?\d{16,}$/.test(token) ? `"${token}"` : token;
    }),
  );
}

/** Bytes of the JSON at the front of a body, for answers whose header can't be read: browsers hide it unless the server exposes it. */
export function jsonLength(body: Uint8Array): number {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < body.length; i++) {
    const c = body[i]!;
    if (inText) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inText = false;
    } else if (c === 0x22) inText = true;
    else if (c === 0x7b || c === 0x5b) depth++;
    else if ((c === 0x7d || c === 0x5d) && --depth === 0) return i + 1;
  }
  return body.length;
}

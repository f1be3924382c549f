/** An address or path without the slashes at its end, in linear time: `/\/+$/` takes quadratic time where slashes repeat before the end. */
export function withoutTrailingSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === "/") end--;
  return text.slice(0, end);
}

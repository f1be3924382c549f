/**
 * Bytes that are not an HTTP/1 request, or one that two parsers could understand in two ways. The connection ends with a bare 400, since
 * the start of a next request is unknown.
 */
export class BadRequest extends Error {
  override readonly name = "BadRequest";
}

export function refuse(text: string): never {
  throw new BadRequest(text);
}

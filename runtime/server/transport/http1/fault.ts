/**
 * Bytes that are not an HTTP/1 request, or one that two readers could understand in two ways: the connection ends with a bare 400, since it is unknown where a
 * next request would begin.
 */
export class BadRequest extends Error {
  override readonly name = "BadRequest";
}

export function refuse(text: string): never {
  throw new BadRequest(text);
}

/** A graph that needs more than the ONNX Runtime of a Triton release supports. */
export class OpsetError extends Error {
  override readonly name = "OpsetError";
  /** @param reason a sentence without its full stop */
  constructor(
    readonly reason: string,
    readonly way: string,
  ) {
    super(`${reason}. ${way}`);
  }
}

/** A plan document that does not hold together; the message names the place. */
export class PlanError extends Error {
  override readonly name = "PlanError";
}

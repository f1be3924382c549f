/**
 * ONNX Runtime's packages of 1.30 report their use to Microsoft: a database under `~/.cache`, files in the temporary folder, a thread, uploads over HTTPS, and
 * most of the time that a first session takes to open. A server of somebody's models doesn't do that unasked.
 */

/** Turns it off for this process, before the first session; who sets `ORT_DISABLE_TELEMETRY` in the environment (0 leaves it on) has decided. */
export function silenceOnnx(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
}

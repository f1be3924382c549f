/**
 * ONNX Runtime 1.30 reports usage to Microsoft. It uses a database under `~/.cache`, temporary files, a thread and uploads over HTTPS,
 * which take most of the time of a first session. A server must not do that unless its operator chose it.
 */

/** Turns it off for this process before the first session, unless `ORT_DISABLE_TELEMETRY` is set in the environment (0 leaves it on). */
export function silenceOnnx(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
}

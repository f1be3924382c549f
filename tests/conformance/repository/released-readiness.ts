/**
 * What releases of Triton answer to the readiness of a model that isn't there. The recorded state of core, on its main branch after 26.06, answered with
 * the error of the look-up; every release from 23.12 to 26.06 answers "not ready" (`InferenceServer::ModelIsReady` in core's `src/server.cc`).
 */
import type { Step } from "./records.js";

/** Errors of the look-up of a model, and of a name that several repositories have. */
const ABSENT = /^(?:Request for unknown model: |(?:There are \d+ identifiers|Identifier) of model )/;

interface Recorded {
  readonly message?: string;
  readonly body?: { readonly error?: string };
}

/** The step with a release's answer in the place of the recorded one. */
export function asReleased(step: Step): Step {
  // Protobuf leaves out `ready: false`.
  const { message, body } = (step.response ?? {}) as Recorded;
  if (step.rpc === "ModelReady" && ABSENT.test(message ?? ""))
    return { ...step, response: { code: "OK", response: {} } };
  if (/^\/v2\/models\/.*\/ready$/.test(step.path ?? "") && ABSENT.test(body?.error ?? ""))
    return { ...step, response: { status: 400, body: { error: "Model version not ready" } } };
  return step;
}

/**
 * Why Triton 2.51 with Python counterparts answers otherwise than the recorded 2.73 did: what each reason leaves in a difference's text. A difference
 * without a reason is worth a look: the older server, the recording or the counterpart may be wrong.
 */

const COUNTERPART =
  "the counterpart in Python is another back end: its name, its files, no example parameters, no other shapes";
const NEWER_PYTHON = "2.51's Python back end has no parameters of responses";
const NEWER_CHECK = "a check that came after 2.51, or its newer words";
const UNRELEASED_READY = 'releases answer "not ready" for a model that they don\'t know, the recorded state did not';
const BUILT_WITH_TRACING = "2.51 of PyPI is built with tracing, the recorded server was not";
const VERSION = "the server's version and extensions";
const OPTIONAL =
  "the counterpart passes on the inputs that came; C++'s fills outputs of absent ones with zeros, and wants the others";
const NUMPY =
  "numpy, in which the counterpart computes, has no bfloat16, and checks elements of BYTES that C++'s passes on";
const NEWER_FIELD = "metrics and fields of configurations that came after 2.51";
const NEWER_STREAM = "2.51 ends an ensemble's stream with its last response, not with an empty one";
const NO_BACKEND = "a configuration sent with the load names a back end that isn't there";
const FOLLOWS = "follows from another difference: lengths, counts, what an earlier record left behind";

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/BF16 and cannot|incomplete string data/, NUMPY],
  [/\.outputs: expected \[|failed to get input|raw_output_contents: expected/, OPTIONAL],
  [/triton_final_response|error_message: expected undefined|_response\./, NEWER_STREAM],
  [/shared memory|shm|\.regions\./, NEWER_CHECK],
  [/an example string parameter|param[0-3]: expected|"param[0-3]/, COUNTERPART],
  [
    /expected \\?"identity\\?", got \\?"python|default_model_filename|\\"backend\\":\\"identity|\\"platform\\":\\"identity/,
    COUNTERPART,
  ],
  [/unable to find backend library/, NO_BACKEND],
  [/TypeError: __init__\(\): incompatible constructor arguments|InferenceResponse/, NEWER_PYTHON],
  [/2\.73\.0dev|\.extensions: expected|\.version: expected "2/, VERSION],
  [/input_byte_size_counter|nv_model_load_duration|nv_pinned_memory|max_inflight_requests/, NEWER_FIELD],
  [/in ensemble 'ens_words', in ensemble/, NEWER_CHECK],
  [/support trac|trace_level|trace/i, BUILT_WITH_TRACING],
  [
    /Client shared memory is disabled|cannot be empty|path traversal|invalid model name|failed to register shared memory region|Invalid value for|attempt to access JSON/,
    NEWER_CHECK,
  ],
  [/\.ready: expected|is not found|has no available versions|is not at ready state/, UNRELEASED_READY],
  [/finished: expected|config\.|^(?:json|binary): expected|\.messages: expected|unexpected shape/, FOLLOWS],
  [
    /content-length: expected|\.count: expected|_count: expected|\.code: expected|status: expected|\.body: expected (undefined|\{)|headers\./,
    FOLLOWS,
  ],
];

/** @returns the reasons of a record's differences, or undefined if one has none; a consequence of others is not a reason alone */
export function reasonsOf(differences: readonly string[]): ReadonlySet<string> | undefined {
  const found = differences.map(text => REASONS.find(([pattern]) => pattern.test(text))?.[1]);
  const reasons = new Set(found.filter(reason => reason !== undefined && reason !== FOLLOWS));
  return found.every(reason => reason !== undefined) && reasons.size > 0 ? (reasons as Set<string>) : undefined;
}

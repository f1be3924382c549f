/**
 * The text of an error of ONNX Runtime → its number (`OrtErrorCode`), which the runtime's binding leaves out and Triton prints.
 */
const [FAIL, INVALID_ARGUMENT, RUNTIME_EXCEPTION, INVALID_PROTOBUF, INVALID_GRAPH] = [1, 2, 6, 7, 10] as const;

/** For a failed node: its operator, and its kernel's text. */
const FAILED_NODE =
  /^Non-zero status code returned while running (\w+) node\. Name:'[\s\S]*?' Status Message: ([\s\S]*)/;
/** A feed that does not fit the graph. */
const WRONG_FEED =
  /^(?:Invalid rank for input|Got invalid dimensions for input|Invalid input name|Unexpected input data type)/;
/** The text of a check that returns, by the name of its file. */
const RETURNED = /^[\w.]+\.(?:h|cc|cpp):\d+ /;
/** Exceptions of C++'s library. */
const STANDARD = /^(?:sto\w+|std::\w+|vector::\w+|basic_string::\w+)/;
/** Kernels that report arguments which they can't use as plain failures. */
const PLAIN_FAILURES = new Set(["Conv", "ConvTranspose", "TopK"]);

export function ortErrorNumber(message: string): number {
  const [, operator, status] = FAILED_NODE.exec(message) ?? [];
  if (status !== undefined) {
    if (isThrown(status) || STANDARD.test(status)) return RUNTIME_EXCEPTION;
    return RETURNED.test(status) || PLAIN_FAILURES.has(operator!) ? FAIL : INVALID_ARGUMENT;
  }
  if (message.startsWith("Non-zero status code")) return RUNTIME_EXCEPTION;
  if (/Protobuf parsing failed/.test(message)) return INVALID_PROTOBUF;
  if (/This is an invalid model/.test(message)) return INVALID_GRAPH;
  return WRONG_FEED.test(message) ? INVALID_ARGUMENT : FAIL;
}

/** The text of a check that throws, by the path of its source. */
function isThrown(status: string): boolean {
  const [place = ""] = status.split(" ", 1);
  return /[\\/][^:]/.test(place) && /:\d+$/.test(place);
}

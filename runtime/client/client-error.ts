/**
 * The errors of a call, as classes. `code` is gRPC's name of the status (over HTTP the one that Triton maps to it). `model` is the server
 * and model, `step` the failed part of an ensemble.
 */
export const CODES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;
export type ErrorCode = Exclude<(typeof CODES)[number], "OK">;

/** The place of an error. */
export interface ErrorPlace {
  readonly model?: string | undefined;
  readonly requestId?: string | undefined;
  /** True if the server cannot have begun the work, so that any call can be retried safely. */
  readonly notSent?: boolean | undefined;
  readonly cause?: unknown;
}

/** The base of all errors of the client, and the class of those without a subclass. */
export class ClientError extends Error {
  override name = "ClientError";
  readonly code: ErrorCode;
  /** The model that was called. */
  readonly model: string | undefined;
  /** The step of a Merlon ensemble (`user.queryFeast`), or the member of a Triton ensemble, that the text names. */
  readonly step: string | undefined;
  readonly requestId: string | undefined;
  /** @internal */
  readonly notSent: boolean;

  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    this.model = place.model;
    this.step = stepOf(message);
    this.requestId = place.requestId;
    this.notSent = place.notSent ?? false;
  }
}

/** The request does not fit the model: a name, a datatype, a shape, a parameter. */
export class InvalidRequestError extends ClientError {
  override name = "InvalidRequestError";
}
/** There is no such model, version or region. */
export class NotFoundError extends ClientError {
  override name = "NotFoundError";
}
/** No server responded, or it reported that it is unavailable: the one kind that is worth a retry. */
export class UnavailableError extends ClientError {
  override name = "UnavailableError";
}
/** The deadline was over first. */
export class DeadlineError extends ClientError {
  override name = "DeadlineError";
}
/** The caller's signal ended the call; named as the platform names it. `cause` is the signal's reason. */
export class CancelledError extends ClientError {
  override name = "AbortError";
}
/** The server, or this protocol, does not do that. */
export class UnsupportedError extends ClientError {
  override name = "UnsupportedError";
}
/** The model or the server broke. */
export class ServerError extends ClientError {
  override name = "ServerError";
}
/** The server is not a KServe server, or its response contradicts itself. */
export class ProtocolError extends ClientError {
  override name = "ProtocolError";
}

const CLASSES: Partial<Record<ErrorCode, typeof ClientError>> = {
  INVALID_ARGUMENT: InvalidRequestError,
  NOT_FOUND: NotFoundError,
  UNAVAILABLE: UnavailableError,
  DEADLINE_EXCEEDED: DeadlineError,
  CANCELLED: CancelledError,
  UNIMPLEMENTED: UnsupportedError,
  INTERNAL: ServerError,
  UNKNOWN: ServerError,
};

/** The error of a code. */
export const errorOf = (code: ErrorCode, message: string, place?: ErrorPlace): ClientError =>
  new (CLASSES[code] ?? ClientError)(code, message, place);

/** The error of gRPC's status number. */
export const grpcError = (status: number, message: string, place?: ErrorPlace): ClientError =>
  errorOf(
    (CODES[status] as ErrorCode | undefined) ?? "UNKNOWN",
    message || `the server ended with status ${status}`,
    place,
  );

const HTTP_CODES: Readonly<Record<number, ErrorCode>> = {
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  408: "DEADLINE_EXCEEDED",
  413: "RESOURCE_EXHAUSTED",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  501: "UNIMPLEMENTED",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "UNAVAILABLE",
};

/** The error of an HTTP status: Triton's mapping read backwards. */
export const httpError = (status: number, message: string, place?: ErrorPlace): ClientError =>
  errorOf(HTTP_CODES[status] ?? (status < 500 ? "INVALID_ARGUMENT" : "INTERNAL"), message, place);

/** The request is wrong before it is sent. */
export const wrong = (message: string, model?: string): InvalidRequestError =>
  new InvalidRequestError("INVALID_ARGUMENT", message, { model, notSent: true });

/** Merlon names the step that failed, Triton the ensemble and, in the inner text, its member. */
function stepOf(message: string): string | undefined {
  const step = /step `([^`]+)`/.exec(message)?.[1];
  if (step !== undefined) return step;
  if (!message.startsWith("in ensemble '")) return undefined;
  return /(?:for model|unknown model:|instance) '([^']+)'/.exec(message)?.[1];
}

/** Errors of the lower layers do not know whom they were for. */
export function placed(error: unknown, model: string, requestId: string | undefined): unknown {
  if (error instanceof ClientError)
    Object.assign(error, { model: error.model ?? model, requestId: error.requestId ?? requestId });
  return error;
}

/**
 * The one error of the runtime and the one table from its codes to gRPC and HTTP statuses (Triton's mapping).
 */
import { packageFault } from "./missing-package.js";

export const STATUS = {
  UNKNOWN: { grpc: 2, http: 400, label: "Unknown" },
  INTERNAL: { grpc: 13, http: 500, label: "Internal" },
  NOT_FOUND: { grpc: 5, http: 404, label: "Not found" },
  INVALID_ARGUMENT: { grpc: 3, http: 400, label: "Invalid argument" },
  UNAVAILABLE: { grpc: 14, http: 503, label: "Unavailable" },
  UNSUPPORTED: { grpc: 12, http: 501, label: "Unsupported" },
  ALREADY_EXISTS: { grpc: 6, http: 400, label: "Already exists" },
  RESOURCE_EXHAUSTED: { grpc: 8, http: 503, label: "Resource exhausted" },
  /** Triton has none of its own: gRPC ends such a call, and a gateway answers so over HTTP. */
  DEADLINE_EXCEEDED: { grpc: 4, http: 504, label: "Deadline exceeded" },
  CANCELLED: { grpc: 1, http: 400, label: "Cancelled" },
} as const;

export type StatusCode = keyof typeof STATUS;

interface FaultOptions {
  readonly cause?: unknown;
  readonly detail?: string;
}

/** An answerable fault: `code` decides the status on each protocol, `message` is the text on the wire. */
export class RuntimeFault extends Error {
  override readonly name = "RuntimeFault";
  /** The thing that is wrong, where Triton's text does not name it: in the log, and in a header or trailer of the response. */
  declare readonly detail?: string;
  constructor(
    readonly code: StatusCode,
    message: string,
    options?: FaultOptions,
  ) {
    super(message, options);
    if (options?.detail !== undefined) this.detail = options.detail;
  }

  /** The only funnel: faults pass, anything else becomes an internal error that keeps its cause for the log. */
  static from(error: unknown, doing = "internal error"): RuntimeFault {
    if (error instanceof RuntimeFault) return error;
    const missing = packageFault(error);
    if (missing !== undefined) return new RuntimeFault("UNAVAILABLE", missing, { cause: error });
    if (lacksDescriptors(error)) return new RuntimeFault("UNAVAILABLE", NO_DESCRIPTOR, { cause: error });
    return new RuntimeFault("INTERNAL", doing, { cause: error });
  }
}

/** True for an error of the system that says nothing about the file it was opening: the next attempt may succeed. */
export const lacksDescriptors = (error: unknown): boolean =>
  error instanceof Error &&
  (["EMFILE", "ENFILE"].includes((error as NodeJS.ErrnoException).code ?? "") || lacksDescriptors(error.cause));

const NO_DESCRIPTOR =
  "all descriptors of the server are in use, and it can open no file; try again, or raise its limit of open files";

type Make = (message: string, options?: FaultOptions) => RuntimeFault;

/** A request, a file or an option that is not as it must be. */
export const invalid: Make = (message, options) => new RuntimeFault("INVALID_ARGUMENT", message, options);
export const internal: Make = (message, options) => new RuntimeFault("INTERNAL", message, options);
export const unavailable: Make = (message, options) => new RuntimeFault("UNAVAILABLE", message, options);
export const unsupported: Make = (message, options) => new RuntimeFault("UNSUPPORTED", message, options);

/** @throws RuntimeFault of `invalid` */
export const refuse = (text: string, options?: FaultOptions): never => {
  throw invalid(text, options);
};

/** A model that is not there: of a step of a plan, the client cannot have caused it. */
export class UnknownModel extends RuntimeFault {}

/** A request that a scheduler did not take: it counts neither as served nor as failed. */
export class Refusal extends RuntimeFault {}

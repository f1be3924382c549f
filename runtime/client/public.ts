/**
 * Exports of both entries of the client.
 */
export type { CallOptions, ConnectOptions, InferOptions, ParameterValue } from "./call-options.js";
export {
  CancelledError,
  ClientError,
  DeadlineError,
  type ErrorCode,
  InvalidRequestError,
  NotFoundError,
  ProtocolError,
  ServerError,
  UnavailableError,
  UnsupportedError,
} from "./client-error.js";
export type { Answer, Client, Sequence, StreamAnswer, StreamOptions, StreamRequest } from "./client-interface.js";
export type { KeepAlive, TlsOptions } from "./connection-options.js";
export type { DataOf } from "./data-of.js";
export { DriftError } from "./drift.js";
export type { ModelsOf } from "./ensemble-types.js";
export type {
  CudaRegion,
  LogValue,
  Management,
  ModelIndex,
  ModelMetadata,
  ModelStatistics,
  ServerMetadata,
  SystemRegion,
} from "./management.js";
export type {
  InputOf,
  InputsOf,
  ItemOf,
  ModelType,
  ModelTypes,
  OutputsOf,
  RawTensor,
  RegionTensor,
  Shaped,
  TensorType,
} from "./model-types.js";
export { lists, ragged } from "./ragged.js";
export type { RetryPolicy } from "./retry.js";
export type { RowIn, RowOut } from "./rows.js";
export { Tensor } from "./tensor.js";

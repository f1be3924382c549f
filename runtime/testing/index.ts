/**
 * `merlon/testing`: a Triton for tests, in process: `createTestServer`, models and stages as functions, mocks, fakes, a clock that tests move.
 */
export type { MockAnswer, MockFunction, MockRequest } from "../backends/mock/answer.js";
export type { MockSettings } from "../backends/mock/settings.js";
export type { MockTensor, TensorValue } from "../backends/mock/tensor-values.js";
export { RuntimeFault as ModelFault } from "../errors.js";
export type { Fault } from "../faults/fault.js";
export type { Answered, AskOptions } from "./ask-models.js";
export {
  createTestServer,
  type Definitions,
  type ReplacedModel,
  type ReplacedStage,
  type TestServer,
  type TestServerOptions,
  type TestSource,
} from "./create-test-server.js";
export { defineModel, type ModelDefinition, type TensorSpec } from "./define-model.js";
export { type FakeFeatures, fakeFaiss, fakeFeast } from "./fakes.js";
export { createManualClock, type ManualClock } from "./manual-clock.js";
export type { StageInput, StageOutput } from "./stage-columns.js";
export type { StageContext, StageFunction } from "./stage-function.js";
export { useTestServer } from "./use-test-server.js";

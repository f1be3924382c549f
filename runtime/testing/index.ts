/**
 * `merlon/testing`: a Triton for tests, in process: `createTestServer`, models and stages as functions, mocks, fakes, a clock that tests move.
 */

export { RuntimeFault as ModelFault } from "../base/errors.js";
export type { StageInput, StageOutput } from "../engine/schedule/stage-columns.js";
export type { StageContext, StageFunction } from "../engine/schedule/stage-function.js";
export type { MockAnswer, MockFunction, MockRequest } from "../server/backends/mock/answer.js";
export type { MockSettings } from "../server/backends/mock/settings.js";
export type { MockTensor, TensorValue } from "../server/backends/mock/tensor-values.js";
export type { Fault } from "../server/faults/fault.js";
export type { Answered, AskOptions } from "./ask-models.js";
export { createTestServer } from "./create-test-server.js";
export { defineModel, type ModelDefinition, type TensorSpec } from "./define-model.js";
export { type FakeFeatures, fakeFaiss, fakeFeast } from "./fakes.js";
export { createManualClock, type ManualClock } from "./manual-clock.js";
export type {
  Definitions,
  ReplacedModel,
  ReplacedStage,
  RepositorySource,
  TestServer,
  TestServerOptions,
  TestSource,
} from "./test-server.js";
export { useTestServer } from "./use-test-server.js";

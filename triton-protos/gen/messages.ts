// Written by scripts/gen-protos.mjs from triton-protos/proto; do not edit.

export type DataType = "TYPE_INVALID" | "TYPE_BOOL" | "TYPE_UINT8" | "TYPE_UINT16" | "TYPE_UINT32" | "TYPE_UINT64" | "TYPE_INT8" | "TYPE_INT16" | "TYPE_INT32" | "TYPE_INT64" | "TYPE_FP16" | "TYPE_FP32" | "TYPE_FP64" | "TYPE_STRING" | "TYPE_BF16";

export interface ModelConfig {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly runtime: string;
  readonly version_policy?: ModelVersionPolicy | undefined;
  readonly max_batch_size: number;
  readonly input: readonly ModelInput[];
  readonly output: readonly ModelOutput[];
  readonly batch_input: readonly BatchInput[];
  readonly batch_output: readonly BatchOutput[];
  readonly optimization?: ModelOptimizationPolicy | undefined;
  readonly dynamic_batching?: ModelDynamicBatching | undefined;
  readonly sequence_batching?: ModelSequenceBatching | undefined;
  readonly ensemble_scheduling?: ModelEnsembling | undefined;
  readonly instance_group: readonly ModelInstanceGroup[];
  readonly default_model_filename: string;
  readonly cc_model_filenames: { readonly [key: string]: string };
  readonly metric_tags: { readonly [key: string]: string };
  readonly parameters: { readonly [key: string]: ModelParameter };
  readonly model_warmup: readonly ModelWarmup[];
  readonly model_operations?: ModelOperations | undefined;
  readonly model_transaction_policy?: ModelTransactionPolicy | undefined;
  readonly model_repository_agents?: ModelRepositoryAgents | undefined;
  readonly response_cache?: ModelResponseCache | undefined;
  readonly model_metrics?: ModelMetrics | undefined;
}

export interface ModelVersionPolicy {
  readonly latest?: ModelVersionPolicy_Latest | undefined;
  readonly all?: ModelVersionPolicy_All | undefined;
  readonly specific?: ModelVersionPolicy_Specific | undefined;
}

export interface ModelVersionPolicy_Latest {
  readonly num_versions: number;
}

export type ModelVersionPolicy_All = Record<string, never>;

export interface ModelVersionPolicy_Specific {
  readonly versions: readonly (number | bigint)[];
}

export interface ModelTensorReshape {
  readonly shape: readonly number[];
}

export interface ModelInput {
  readonly name: string;
  readonly data_type: DataType;
  readonly format: ModelInput_Format;
  readonly dims: readonly number[];
  readonly reshape?: ModelTensorReshape | undefined;
  readonly is_shape_tensor: boolean;
  readonly allow_ragged_batch: boolean;
  readonly optional: boolean;
  readonly is_non_linear_format_io: boolean;
}

export type ModelInput_Format = "FORMAT_NONE" | "FORMAT_NHWC" | "FORMAT_NCHW";

export interface ModelOutput {
  readonly name: string;
  readonly data_type: DataType;
  readonly dims: readonly number[];
  readonly reshape?: ModelTensorReshape | undefined;
  readonly label_filename: string;
  readonly is_shape_tensor: boolean;
  readonly is_non_linear_format_io: boolean;
}

export interface BatchInput {
  readonly kind: BatchInput_Kind;
  readonly target_name: readonly string[];
  readonly data_type: DataType;
  readonly source_input: readonly string[];
}

export type BatchInput_Kind = "BATCH_ELEMENT_COUNT" | "BATCH_ACCUMULATED_ELEMENT_COUNT" | "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO" | "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE" | "BATCH_ITEM_SHAPE" | "BATCH_ITEM_SHAPE_FLATTEN";

export interface BatchOutput {
  readonly target_name: readonly string[];
  readonly kind: BatchOutput_Kind;
  readonly source_input: readonly string[];
}

export type BatchOutput_Kind = "BATCH_SCATTER_WITH_INPUT_SHAPE";

export interface ModelOptimizationPolicy {
  readonly graph?: ModelOptimizationPolicy_Graph | undefined;
  readonly priority: ModelOptimizationPolicy_ModelPriority;
  readonly cuda?: ModelOptimizationPolicy_Cuda | undefined;
  readonly execution_accelerators?: ModelOptimizationPolicy_ExecutionAccelerators | undefined;
  readonly input_pinned_memory?: ModelOptimizationPolicy_PinnedMemoryBuffer | undefined;
  readonly output_pinned_memory?: ModelOptimizationPolicy_PinnedMemoryBuffer | undefined;
  readonly gather_kernel_buffer_threshold: number;
  readonly eager_batching: boolean;
}

export type ModelOptimizationPolicy_ModelPriority = "PRIORITY_DEFAULT" | "PRIORITY_MAX" | "PRIORITY_MIN";

export interface ModelOptimizationPolicy_Graph {
  readonly level: number;
}

export interface ModelOptimizationPolicy_Cuda {
  readonly graphs: boolean;
  readonly busy_wait_events: boolean;
  readonly graph_spec: readonly ModelOptimizationPolicy_Cuda_GraphSpec[];
  readonly output_copy_stream: boolean;
}

export interface ModelOptimizationPolicy_Cuda_GraphSpec {
  readonly batch_size: number;
  readonly input: { readonly [key: string]: ModelOptimizationPolicy_Cuda_GraphSpec_Shape };
  readonly graph_lower_bound?: ModelOptimizationPolicy_Cuda_GraphSpec_LowerBound | undefined;
}

export interface ModelOptimizationPolicy_Cuda_GraphSpec_Shape {
  readonly dim: readonly number[];
}

export interface ModelOptimizationPolicy_Cuda_GraphSpec_LowerBound {
  readonly batch_size: number;
  readonly input: { readonly [key: string]: ModelOptimizationPolicy_Cuda_GraphSpec_Shape };
}

export interface ModelOptimizationPolicy_ExecutionAccelerators {
  readonly gpu_execution_accelerator: readonly ModelOptimizationPolicy_ExecutionAccelerators_Accelerator[];
  readonly cpu_execution_accelerator: readonly ModelOptimizationPolicy_ExecutionAccelerators_Accelerator[];
}

export interface ModelOptimizationPolicy_ExecutionAccelerators_Accelerator {
  readonly name: string;
  readonly parameters: { readonly [key: string]: string };
}

export interface ModelOptimizationPolicy_PinnedMemoryBuffer {
  readonly enable: boolean;
}

export interface ModelQueuePolicy {
  readonly timeout_action: ModelQueuePolicy_TimeoutAction;
  readonly default_timeout_microseconds: number;
  readonly allow_timeout_override: boolean;
  readonly max_queue_size: number;
}

export type ModelQueuePolicy_TimeoutAction = "REJECT" | "DELAY";

export interface ModelDynamicBatching {
  readonly preferred_batch_size: readonly number[];
  readonly max_queue_delay_microseconds: number;
  readonly preserve_ordering: boolean;
  readonly priority_levels: number;
  readonly default_priority_level: number;
  readonly default_queue_policy?: ModelQueuePolicy | undefined;
  readonly priority_queue_policy: { readonly [key: string]: ModelQueuePolicy };
}

export interface ModelSequenceBatching {
  readonly direct?: ModelSequenceBatching_StrategyDirect | undefined;
  readonly oldest?: ModelSequenceBatching_StrategyOldest | undefined;
  readonly max_sequence_idle_microseconds: number;
  readonly control_input: readonly ModelSequenceBatching_ControlInput[];
  readonly state: readonly ModelSequenceBatching_State[];
  readonly iterative_sequence: boolean;
}

export interface ModelSequenceBatching_Control {
  readonly kind: ModelSequenceBatching_Control_Kind;
  readonly int32_false_true: readonly number[];
  readonly fp32_false_true: readonly number[];
  readonly bool_false_true: readonly boolean[];
  readonly data_type: DataType;
}

export type ModelSequenceBatching_Control_Kind = "CONTROL_SEQUENCE_START" | "CONTROL_SEQUENCE_READY" | "CONTROL_SEQUENCE_END" | "CONTROL_SEQUENCE_CORRID";

export interface ModelSequenceBatching_ControlInput {
  readonly name: string;
  readonly control: readonly ModelSequenceBatching_Control[];
}

export interface ModelSequenceBatching_InitialState {
  readonly data_type: DataType;
  readonly dims: readonly number[];
  readonly zero_data?: boolean | undefined;
  readonly data_file?: string | undefined;
  readonly name: string;
}

export interface ModelSequenceBatching_State {
  readonly input_name: string;
  readonly output_name: string;
  readonly data_type: DataType;
  readonly dims: readonly number[];
  readonly initial_state: readonly ModelSequenceBatching_InitialState[];
  readonly use_same_buffer_for_input_output: boolean;
  readonly use_growable_memory: boolean;
}

export interface ModelSequenceBatching_StrategyDirect {
  readonly max_queue_delay_microseconds: number;
  readonly minimum_slot_utilization: number;
}

export interface ModelSequenceBatching_StrategyOldest {
  readonly max_candidate_sequences: number;
  readonly preferred_batch_size: readonly number[];
  readonly max_queue_delay_microseconds: number;
  readonly preserve_ordering: boolean;
}

export interface ModelEnsembling {
  readonly step: readonly ModelEnsembling_Step[];
  readonly max_inflight_requests: number;
}

export interface ModelEnsembling_Step {
  readonly model_name: string;
  readonly model_version: number | bigint;
  readonly input_map: { readonly [key: string]: string };
  readonly output_map: { readonly [key: string]: string };
  readonly model_namespace: string;
}

export interface ModelRateLimiter {
  readonly resources: readonly ModelRateLimiter_Resource[];
  readonly priority: number;
}

export interface ModelRateLimiter_Resource {
  readonly name: string;
  readonly global: boolean;
  readonly count: number;
}

export interface ModelInstanceGroup {
  readonly name: string;
  readonly kind: ModelInstanceGroup_Kind;
  readonly count: number;
  readonly rate_limiter?: ModelRateLimiter | undefined;
  readonly gpus: readonly number[];
  readonly secondary_devices: readonly ModelInstanceGroup_SecondaryDevice[];
  readonly profile: readonly string[];
  readonly passive: boolean;
  readonly host_policy: string;
}

export type ModelInstanceGroup_Kind = "KIND_AUTO" | "KIND_GPU" | "KIND_CPU" | "KIND_MODEL";

export interface ModelInstanceGroup_SecondaryDevice {
  readonly kind: ModelInstanceGroup_SecondaryDevice_SecondaryDeviceKind;
  readonly device_id: number;
}

export type ModelInstanceGroup_SecondaryDevice_SecondaryDeviceKind = "KIND_NVDLA";

export interface ModelParameter {
  readonly string_value: string;
}

export interface ModelWarmup {
  readonly name: string;
  readonly batch_size: number;
  readonly inputs: { readonly [key: string]: ModelWarmup_Input };
  readonly count: number;
}

export interface ModelWarmup_Input {
  readonly data_type: DataType;
  readonly dims: readonly number[];
  readonly zero_data?: boolean | undefined;
  readonly random_data?: boolean | undefined;
  readonly input_data_file?: string | undefined;
}

export interface ModelOperations {
  readonly op_library_filename: readonly string[];
}

export interface ModelTransactionPolicy {
  readonly decoupled: boolean;
}

export interface ModelRepositoryAgents {
  readonly agents: readonly ModelRepositoryAgents_Agent[];
}

export interface ModelRepositoryAgents_Agent {
  readonly name: string;
  readonly parameters: { readonly [key: string]: string };
}

export interface ModelResponseCache {
  readonly enable: boolean;
}

export interface ModelMetrics {
  readonly metric_control: readonly ModelMetrics_MetricControl[];
}

export interface ModelMetrics_MetricControl {
  readonly metric_identifier?: ModelMetrics_MetricControl_MetricIdentifier | undefined;
  readonly histogram_options?: ModelMetrics_MetricControl_HistogramOptions | undefined;
}

export interface ModelMetrics_MetricControl_MetricIdentifier {
  readonly family: string;
}

export interface ModelMetrics_MetricControl_HistogramOptions {
  readonly buckets: readonly number[];
}

export type ServerLiveRequest = Record<string, never>;

export interface ServerLiveResponse {
  readonly live: boolean;
}

export type ServerReadyRequest = Record<string, never>;

export interface ServerReadyResponse {
  readonly ready: boolean;
}

export interface ModelReadyRequest {
  readonly name: string;
  readonly version: string;
}

export interface ModelReadyResponse {
  readonly ready: boolean;
}

export type ServerMetadataRequest = Record<string, never>;

export interface ServerMetadataResponse {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface ModelMetadataRequest {
  readonly name: string;
  readonly version: string;
}

export interface ModelMetadataResponse {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly ModelMetadataResponse_TensorMetadata[];
  readonly outputs: readonly ModelMetadataResponse_TensorMetadata[];
}

export interface ModelMetadataResponse_TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface InferParameter {
  readonly bool_param?: boolean | undefined;
  readonly int64_param?: number | undefined;
  readonly string_param?: string | undefined;
  readonly double_param?: number | undefined;
  readonly uint64_param?: number | undefined;
}

export interface InferTensorContents {
  readonly bool_contents: readonly boolean[];
  readonly int_contents: readonly number[];
  readonly int64_contents: readonly number[];
  readonly uint_contents: readonly number[];
  readonly uint64_contents: readonly number[];
  readonly fp32_contents: readonly number[];
  readonly fp64_contents: readonly number[];
  readonly bytes_contents: readonly Uint8Array[];
}

export interface ModelInferRequest {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: { readonly [key: string]: InferParameter };
  readonly inputs: readonly ModelInferRequest_InferInputTensor[];
  readonly outputs: readonly ModelInferRequest_InferRequestedOutputTensor[];
  readonly raw_input_contents: readonly Uint8Array[];
}

export interface ModelInferRequest_InferInputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: { readonly [key: string]: InferParameter };
  readonly contents?: InferTensorContents | undefined;
}

export interface ModelInferRequest_InferRequestedOutputTensor {
  readonly name: string;
  readonly parameters: { readonly [key: string]: InferParameter };
}

export interface ModelInferResponse {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: { readonly [key: string]: InferParameter };
  readonly outputs: readonly ModelInferResponse_InferOutputTensor[];
  readonly raw_output_contents: readonly Uint8Array[];
}

export interface ModelInferResponse_InferOutputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: { readonly [key: string]: InferParameter };
  readonly contents?: InferTensorContents | undefined;
}

export interface ModelStreamInferResponse {
  readonly error_message: string;
  readonly infer_response?: ModelInferResponse | undefined;
}

export interface ModelConfigRequest {
  readonly name: string;
  readonly version: string;
}

export interface ModelConfigResponse {
  readonly config?: ModelConfig | undefined;
}

export interface ModelStatisticsRequest {
  readonly name: string;
  readonly version: string;
}

export interface StatisticDuration {
  readonly count: number;
  readonly ns: number;
}

export interface InferStatistics {
  readonly success?: StatisticDuration | undefined;
  readonly fail?: StatisticDuration | undefined;
  readonly queue?: StatisticDuration | undefined;
  readonly compute_input?: StatisticDuration | undefined;
  readonly compute_infer?: StatisticDuration | undefined;
  readonly compute_output?: StatisticDuration | undefined;
  readonly cache_hit?: StatisticDuration | undefined;
  readonly cache_miss?: StatisticDuration | undefined;
}

export interface InferResponseStatistics {
  readonly compute_infer?: StatisticDuration | undefined;
  readonly compute_output?: StatisticDuration | undefined;
  readonly success?: StatisticDuration | undefined;
  readonly fail?: StatisticDuration | undefined;
  readonly empty_response?: StatisticDuration | undefined;
  readonly cancel?: StatisticDuration | undefined;
}

export interface InferBatchStatistics {
  readonly batch_size: number;
  readonly compute_input?: StatisticDuration | undefined;
  readonly compute_infer?: StatisticDuration | undefined;
  readonly compute_output?: StatisticDuration | undefined;
}

export interface MemoryUsage {
  readonly type: string;
  readonly id: number;
  readonly byte_size: number;
}

export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats?: InferStatistics | undefined;
  readonly batch_stats: readonly InferBatchStatistics[];
  readonly memory_usage: readonly MemoryUsage[];
  readonly response_stats: { readonly [key: string]: InferResponseStatistics };
}

export interface ModelStatisticsResponse {
  readonly model_stats: readonly ModelStatistics[];
}

export interface ModelRepositoryParameter {
  readonly bool_param?: boolean | undefined;
  readonly int64_param?: number | undefined;
  readonly string_param?: string | undefined;
  readonly bytes_param?: Uint8Array | undefined;
}

export interface RepositoryIndexRequest {
  readonly repository_name: string;
  readonly ready: boolean;
}

export interface RepositoryIndexResponse {
  readonly models: readonly RepositoryIndexResponse_ModelIndex[];
}

export interface RepositoryIndexResponse_ModelIndex {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly reason: string;
}

export interface RepositoryModelLoadRequest {
  readonly repository_name: string;
  readonly model_name: string;
  readonly parameters: { readonly [key: string]: ModelRepositoryParameter };
}

export type RepositoryModelLoadResponse = Record<string, never>;

export interface RepositoryModelUnloadRequest {
  readonly repository_name: string;
  readonly model_name: string;
  readonly parameters: { readonly [key: string]: ModelRepositoryParameter };
}

export type RepositoryModelUnloadResponse = Record<string, never>;

export interface SystemSharedMemoryStatusRequest {
  readonly name: string;
}

export interface SystemSharedMemoryStatusResponse {
  readonly regions: { readonly [key: string]: SystemSharedMemoryStatusResponse_RegionStatus };
}

export interface SystemSharedMemoryStatusResponse_RegionStatus {
  readonly name: string;
  readonly key: string;
  readonly offset: number;
  readonly byte_size: number;
}

export interface SystemSharedMemoryRegisterRequest {
  readonly name: string;
  readonly key: string;
  readonly offset: number;
  readonly byte_size: number;
}

export type SystemSharedMemoryRegisterResponse = Record<string, never>;

export interface SystemSharedMemoryUnregisterRequest {
  readonly name: string;
}

export type SystemSharedMemoryUnregisterResponse = Record<string, never>;

export interface CudaSharedMemoryStatusRequest {
  readonly name: string;
}

export interface CudaSharedMemoryStatusResponse {
  readonly regions: { readonly [key: string]: CudaSharedMemoryStatusResponse_RegionStatus };
}

export interface CudaSharedMemoryStatusResponse_RegionStatus {
  readonly name: string;
  readonly device_id: number;
  readonly byte_size: number;
}

export interface CudaSharedMemoryRegisterRequest {
  readonly name: string;
  readonly raw_handle: Uint8Array;
  readonly device_id: number;
  readonly byte_size: number;
}

export type CudaSharedMemoryRegisterResponse = Record<string, never>;

export interface CudaSharedMemoryUnregisterRequest {
  readonly name: string;
}

export type CudaSharedMemoryUnregisterResponse = Record<string, never>;

export interface TraceSettingRequest {
  readonly settings: { readonly [key: string]: TraceSettingRequest_SettingValue };
  readonly model_name: string;
}

export interface TraceSettingRequest_SettingValue {
  readonly value: readonly string[];
}

export interface TraceSettingResponse {
  readonly settings: { readonly [key: string]: TraceSettingResponse_SettingValue };
}

export interface TraceSettingResponse_SettingValue {
  readonly value: readonly string[];
}

export interface LogSettingsRequest {
  readonly settings: { readonly [key: string]: LogSettingsRequest_SettingValue };
}

export interface LogSettingsRequest_SettingValue {
  readonly bool_param?: boolean | undefined;
  readonly uint32_param?: number | undefined;
  readonly string_param?: string | undefined;
}

export interface LogSettingsResponse {
  readonly settings: { readonly [key: string]: LogSettingsResponse_SettingValue };
}

export interface LogSettingsResponse_SettingValue {
  readonly bool_param?: boolean | undefined;
  readonly uint32_param?: number | undefined;
  readonly string_param?: string | undefined;
}

export interface HealthCheckRequest {
  readonly service: string;
}

export interface HealthCheckResponse {
  readonly status: HealthCheckResponse_ServingStatus;
}

export type HealthCheckResponse_ServingStatus = "UNKNOWN" | "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";

/** Every message by its full name. */
export interface Messages {
  "inference.ModelConfig": ModelConfig;
  "inference.ModelVersionPolicy": ModelVersionPolicy;
  "inference.ModelVersionPolicy.Latest": ModelVersionPolicy_Latest;
  "inference.ModelVersionPolicy.All": ModelVersionPolicy_All;
  "inference.ModelVersionPolicy.Specific": ModelVersionPolicy_Specific;
  "inference.ModelTensorReshape": ModelTensorReshape;
  "inference.ModelInput": ModelInput;
  "inference.ModelOutput": ModelOutput;
  "inference.BatchInput": BatchInput;
  "inference.BatchOutput": BatchOutput;
  "inference.ModelOptimizationPolicy": ModelOptimizationPolicy;
  "inference.ModelOptimizationPolicy.Graph": ModelOptimizationPolicy_Graph;
  "inference.ModelOptimizationPolicy.Cuda": ModelOptimizationPolicy_Cuda;
  "inference.ModelOptimizationPolicy.Cuda.GraphSpec": ModelOptimizationPolicy_Cuda_GraphSpec;
  "inference.ModelOptimizationPolicy.Cuda.GraphSpec.Shape": ModelOptimizationPolicy_Cuda_GraphSpec_Shape;
  "inference.ModelOptimizationPolicy.Cuda.GraphSpec.LowerBound": ModelOptimizationPolicy_Cuda_GraphSpec_LowerBound;
  "inference.ModelOptimizationPolicy.ExecutionAccelerators": ModelOptimizationPolicy_ExecutionAccelerators;
  "inference.ModelOptimizationPolicy.ExecutionAccelerators.Accelerator": ModelOptimizationPolicy_ExecutionAccelerators_Accelerator;
  "inference.ModelOptimizationPolicy.PinnedMemoryBuffer": ModelOptimizationPolicy_PinnedMemoryBuffer;
  "inference.ModelQueuePolicy": ModelQueuePolicy;
  "inference.ModelDynamicBatching": ModelDynamicBatching;
  "inference.ModelSequenceBatching": ModelSequenceBatching;
  "inference.ModelSequenceBatching.Control": ModelSequenceBatching_Control;
  "inference.ModelSequenceBatching.ControlInput": ModelSequenceBatching_ControlInput;
  "inference.ModelSequenceBatching.InitialState": ModelSequenceBatching_InitialState;
  "inference.ModelSequenceBatching.State": ModelSequenceBatching_State;
  "inference.ModelSequenceBatching.StrategyDirect": ModelSequenceBatching_StrategyDirect;
  "inference.ModelSequenceBatching.StrategyOldest": ModelSequenceBatching_StrategyOldest;
  "inference.ModelEnsembling": ModelEnsembling;
  "inference.ModelEnsembling.Step": ModelEnsembling_Step;
  "inference.ModelRateLimiter": ModelRateLimiter;
  "inference.ModelRateLimiter.Resource": ModelRateLimiter_Resource;
  "inference.ModelInstanceGroup": ModelInstanceGroup;
  "inference.ModelInstanceGroup.SecondaryDevice": ModelInstanceGroup_SecondaryDevice;
  "inference.ModelParameter": ModelParameter;
  "inference.ModelWarmup": ModelWarmup;
  "inference.ModelWarmup.Input": ModelWarmup_Input;
  "inference.ModelOperations": ModelOperations;
  "inference.ModelTransactionPolicy": ModelTransactionPolicy;
  "inference.ModelRepositoryAgents": ModelRepositoryAgents;
  "inference.ModelRepositoryAgents.Agent": ModelRepositoryAgents_Agent;
  "inference.ModelResponseCache": ModelResponseCache;
  "inference.ModelMetrics": ModelMetrics;
  "inference.ModelMetrics.MetricControl": ModelMetrics_MetricControl;
  "inference.ModelMetrics.MetricControl.MetricIdentifier": ModelMetrics_MetricControl_MetricIdentifier;
  "inference.ModelMetrics.MetricControl.HistogramOptions": ModelMetrics_MetricControl_HistogramOptions;
  "inference.ServerLiveRequest": ServerLiveRequest;
  "inference.ServerLiveResponse": ServerLiveResponse;
  "inference.ServerReadyRequest": ServerReadyRequest;
  "inference.ServerReadyResponse": ServerReadyResponse;
  "inference.ModelReadyRequest": ModelReadyRequest;
  "inference.ModelReadyResponse": ModelReadyResponse;
  "inference.ServerMetadataRequest": ServerMetadataRequest;
  "inference.ServerMetadataResponse": ServerMetadataResponse;
  "inference.ModelMetadataRequest": ModelMetadataRequest;
  "inference.ModelMetadataResponse": ModelMetadataResponse;
  "inference.ModelMetadataResponse.TensorMetadata": ModelMetadataResponse_TensorMetadata;
  "inference.InferParameter": InferParameter;
  "inference.InferTensorContents": InferTensorContents;
  "inference.ModelInferRequest": ModelInferRequest;
  "inference.ModelInferRequest.InferInputTensor": ModelInferRequest_InferInputTensor;
  "inference.ModelInferRequest.InferRequestedOutputTensor": ModelInferRequest_InferRequestedOutputTensor;
  "inference.ModelInferResponse": ModelInferResponse;
  "inference.ModelInferResponse.InferOutputTensor": ModelInferResponse_InferOutputTensor;
  "inference.ModelStreamInferResponse": ModelStreamInferResponse;
  "inference.ModelConfigRequest": ModelConfigRequest;
  "inference.ModelConfigResponse": ModelConfigResponse;
  "inference.ModelStatisticsRequest": ModelStatisticsRequest;
  "inference.StatisticDuration": StatisticDuration;
  "inference.InferStatistics": InferStatistics;
  "inference.InferResponseStatistics": InferResponseStatistics;
  "inference.InferBatchStatistics": InferBatchStatistics;
  "inference.MemoryUsage": MemoryUsage;
  "inference.ModelStatistics": ModelStatistics;
  "inference.ModelStatisticsResponse": ModelStatisticsResponse;
  "inference.ModelRepositoryParameter": ModelRepositoryParameter;
  "inference.RepositoryIndexRequest": RepositoryIndexRequest;
  "inference.RepositoryIndexResponse": RepositoryIndexResponse;
  "inference.RepositoryIndexResponse.ModelIndex": RepositoryIndexResponse_ModelIndex;
  "inference.RepositoryModelLoadRequest": RepositoryModelLoadRequest;
  "inference.RepositoryModelLoadResponse": RepositoryModelLoadResponse;
  "inference.RepositoryModelUnloadRequest": RepositoryModelUnloadRequest;
  "inference.RepositoryModelUnloadResponse": RepositoryModelUnloadResponse;
  "inference.SystemSharedMemoryStatusRequest": SystemSharedMemoryStatusRequest;
  "inference.SystemSharedMemoryStatusResponse": SystemSharedMemoryStatusResponse;
  "inference.SystemSharedMemoryStatusResponse.RegionStatus": SystemSharedMemoryStatusResponse_RegionStatus;
  "inference.SystemSharedMemoryRegisterRequest": SystemSharedMemoryRegisterRequest;
  "inference.SystemSharedMemoryRegisterResponse": SystemSharedMemoryRegisterResponse;
  "inference.SystemSharedMemoryUnregisterRequest": SystemSharedMemoryUnregisterRequest;
  "inference.SystemSharedMemoryUnregisterResponse": SystemSharedMemoryUnregisterResponse;
  "inference.CudaSharedMemoryStatusRequest": CudaSharedMemoryStatusRequest;
  "inference.CudaSharedMemoryStatusResponse": CudaSharedMemoryStatusResponse;
  "inference.CudaSharedMemoryStatusResponse.RegionStatus": CudaSharedMemoryStatusResponse_RegionStatus;
  "inference.CudaSharedMemoryRegisterRequest": CudaSharedMemoryRegisterRequest;
  "inference.CudaSharedMemoryRegisterResponse": CudaSharedMemoryRegisterResponse;
  "inference.CudaSharedMemoryUnregisterRequest": CudaSharedMemoryUnregisterRequest;
  "inference.CudaSharedMemoryUnregisterResponse": CudaSharedMemoryUnregisterResponse;
  "inference.TraceSettingRequest": TraceSettingRequest;
  "inference.TraceSettingRequest.SettingValue": TraceSettingRequest_SettingValue;
  "inference.TraceSettingResponse": TraceSettingResponse;
  "inference.TraceSettingResponse.SettingValue": TraceSettingResponse_SettingValue;
  "inference.LogSettingsRequest": LogSettingsRequest;
  "inference.LogSettingsRequest.SettingValue": LogSettingsRequest_SettingValue;
  "inference.LogSettingsResponse": LogSettingsResponse;
  "inference.LogSettingsResponse.SettingValue": LogSettingsResponse_SettingValue;
  "grpc.health.v1.HealthCheckRequest": HealthCheckRequest;
  "grpc.health.v1.HealthCheckResponse": HealthCheckResponse;
}

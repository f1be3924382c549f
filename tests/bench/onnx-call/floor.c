/*
 * The least that a call of a model costs: ONNX Runtime's C API with bound buffers, no copies, no names. Arguments: model, calls, rounds. Prints the
 * microseconds of CPU time per call of the best round.
 */
#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const OrtApi *api;

static void check(OrtStatus *status) {
  if (!status) return;
  fprintf(stderr, "%s\n", api->GetErrorMessage(status));
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

int main(int count, char **words) {
  float x[64], y[1];
  const int64_t in[] = {1, 64}, out[] = {1, 1};
  const int calls = atoi(words[2]), rounds = atoi(words[3]);
  OrtEnv *env;
  OrtSessionOptions *options;
  OrtSession *session;
  OrtMemoryInfo *memory;
  OrtValue *input, *output;
  OrtIoBinding *binding;
  double best = 1e9;
  if (count < 4) return 2;
  api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  check(api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "floor", &env));
  check(api->CreateSessionOptions(&options));
  check(api->SetIntraOpNumThreads(options, 1));
  check(api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL));
  check(api->CreateSession(env, words[1], options, &session));
  check(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
  for (int i = 0; i < 64; i++) x[i] = i / 64.0f;
  check(api->CreateTensorWithDataAsOrtValue(memory, x, sizeof x, in, 2, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &input));
  check(api->CreateTensorWithDataAsOrtValue(memory, y, sizeof y, out, 2, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &output));
  check(api->CreateIoBinding(session, &binding));
  check(api->BindInput(binding, "x", input));
  check(api->BindOutput(binding, "y", output));
  for (int round = 0; round < rounds; round++) {
    const double began = now();
    for (int i = 0; i < calls; i++) check(api->RunWithBinding(session, NULL, binding));
    const double each = (now() - began) / calls;
    if (each < best) best = each;
  }
  printf("%.2f\n", best);
  return 0;
}

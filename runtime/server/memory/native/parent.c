/*
 * `endWithParent()`: from now on the kernel kills this process when the thread that started it ends, even if this process is stopped or hangs.
 */
#include <node_api.h>
#include <stdbool.h>
#if defined(__linux__)
#include <signal.h>
#include <sys/prctl.h>
#endif

static napi_value end_with_parent(napi_env env, napi_callback_info info) {
  napi_value result;
  bool is_set = false;
  (void)info;
#if defined(__linux__)
  is_set = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
#endif
  napi_get_boolean(env, is_set, &result);
  return result;
}

void merlon_parent(napi_env env, napi_value exports) {
  napi_value function;
  napi_create_function(env, "endWithParent", NAPI_AUTO_LENGTH, end_with_parent, NULL, &function);
  napi_set_named_property(env, exports, "endWithParent", function);
}

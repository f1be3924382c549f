/*
 * Returns freed memory that the C library keeps. Small blocks that zlib, V8 and models free are between others, and glibc returns only the
 * end of a heap. `trim(done)` runs on a thread of libuv's pool, since it takes time for each page that it returns.
 */
#include <node_api.h>
#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

typedef struct {
  napi_async_work work;
  napi_deferred deferred;
  int released;
} Trim;

static void run(napi_env env, void *data) {
  (void)env;
#if defined(__GLIBC__)
  ((Trim *)data)->released = malloc_trim(0);
#else
  (void)data;
#endif
}

static void finish(napi_env env, napi_status status, void *data) {
  Trim *trim = data;
  napi_value released;
  (void)status;
  napi_get_boolean(env, trim->released, &released);
  napi_resolve_deferred(env, trim->deferred, released);
  napi_delete_async_work(env, trim->work);
  free(trim);
}

static napi_value trim(napi_env env, napi_callback_info info) {
  napi_value promise, name;
  Trim *trim = calloc(1, sizeof *trim);
  (void)info;
  if (!trim) return NULL;
  if (napi_create_promise(env, &trim->deferred, &promise) == napi_ok &&
      napi_create_string_utf8(env, "merlon:trim", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_async_work(env, NULL, name, run, finish, trim, &trim->work) == napi_ok &&
      napi_queue_async_work(env, trim->work) == napi_ok)
    return promise;
  free(trim);
  return NULL;
}

/* `adjust(bytes)`: V8 counts these many bytes more, or fewer, of memory outside its heap. */
static napi_value adjust(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  int64_t change = 0, total;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) == napi_ok && count == 1 &&
      napi_get_value_int64(env, argument, &change) == napi_ok)
    napi_adjust_external_memory(env, change, &total);
  return NULL;
}

/* mapping.c */
void merlon_mapping(napi_env env, napi_value exports);
/* parent.c */
void merlon_parent(napi_env env, napi_value exports);

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "trim", NAPI_AUTO_LENGTH, trim, NULL, &function);
  napi_set_named_property(env, exports, "trim", function);
  napi_create_function(env, "adjust", NAPI_AUTO_LENGTH, adjust, NULL, &function);
  napi_set_named_property(env, exports, "adjust", function);
  merlon_mapping(env, exports);
  merlon_parent(env, exports);
  return exports;
}

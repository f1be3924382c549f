/*
 * Files that processes share. `openShared(path)` maps a file of this user and locks it as in use, until the memory is collected. The last
 * process that uses a file removes it. `lockFile(fd)` makes one process the writer of a file. `openMarks(path)` maps a file of this user for
 * writing, so that another process reads the values of one that was killed.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Mapping {
  /* -1 if it was left. */
  int file;
  size_t length;
  char *path;
  struct Mapping *next, *before;
} Mapping;

/* Those that are in use. */
static Mapping *mappings;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/*
 * Removes the file of a path if it is this one and no process uses it, and its folder if that is empty. The lock is then exclusive, so no process
 * begins to use it meanwhile.
 */
static void leave(Mapping *mapping) {
  struct stat own, named;
  if (mapping->file < 0) return;
  if (flock(mapping->file, LOCK_EX | LOCK_NB) == 0 && fstat(mapping->file, &own) == 0 && lstat(mapping->path, &named) == 0 &&
      own.st_dev == named.st_dev && own.st_ino == named.st_ino && unlink(mapping->path) == 0) {
    char *slash = strrchr(mapping->path, '/');
    if (slash) *slash = 0;
    rmdir(mapping->path);
  }
  close(mapping->file);
  mapping->file = -1;
}

/* At `process.exit` nothing is released by itself. */
static void leave_all(void) {
  Mapping *mapping;
  pthread_mutex_lock(&mutex);
  for (mapping = mappings; mapping; mapping = mapping->next) leave(mapping);
  pthread_mutex_unlock(&mutex);
}

static void enter(Mapping *mapping) {
  static int registered;
  pthread_mutex_lock(&mutex);
  if (!registered) registered = atexit(leave_all) == 0;
  mapping->before = NULL;
  mapping->next = mappings;
  if (mappings) mappings->before = mapping;
  mappings = mapping;
  pthread_mutex_unlock(&mutex);
}

static void release(napi_env env, void *data, void *hint) {
  Mapping *mapping = hint;
  (void)env;
  munmap(data, mapping->length);
  pthread_mutex_lock(&mutex);
  if (mapping->next) mapping->next->before = mapping->before;
  if (mapping->before)
    mapping->before->next = mapping->next;
  else
    mappings = mapping->next;
  leave(mapping);
  pthread_mutex_unlock(&mutex);
  free(mapping->path);
  free(mapping);
}

static napi_value fail(napi_env env, const char *what) {
  napi_throw_error(env, NULL, what);
  return NULL;
}

static char *text(napi_env env, napi_value value) {
  size_t length;
  char *made;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) return NULL;
  made = malloc(length + 1);
  if (made) napi_get_value_string_utf8(env, value, made, length + 1, &length);
  return made;
}

/* Undefined for a file that is not there, or is being removed. */
static napi_value open_shared(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value path_value, undefined, buffer;
  struct stat stat;
  void *data;
  Mapping *mapping;
  char *path;
  int file;
  napi_get_undefined(env, &undefined);
  if (napi_get_cb_info(env, info, &count, &path_value, NULL, NULL) != napi_ok || count < 1) return undefined;
  path = text(env, path_value);
  if (!path) return fail(env, "expected a path");
  file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) {
    free(path);
    return errno == ENOENT ? undefined : fail(env, strerror(errno));
  }
  if (flock(file, LOCK_SH | LOCK_NB) != 0 || fstat(file, &stat) != 0 || stat.st_nlink == 0) {
    close(file);
    free(path);
    return undefined;
  }
  if (!S_ISREG(stat.st_mode) || stat.st_uid != geteuid() || (stat.st_mode & 022) != 0 || stat.st_size == 0) {
    close(file);
    free(path);
    return fail(env, "it is not a file that only this user can write");
  }
  /* A write by mistake changes a page of this process alone. */
  data = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
  mapping = malloc(sizeof *mapping);
  if (data == MAP_FAILED || !mapping) {
    if (data != MAP_FAILED) munmap(data, (size_t)stat.st_size);
    free(mapping);
    close(file);
    free(path);
    return fail(env, "there is no memory to map it");
  }
  mapping->file = file;
  mapping->length = (size_t)stat.st_size;
  mapping->path = path;
  enter(mapping);
  if (napi_create_external_arraybuffer(env, data, mapping->length, release, mapping, &buffer) == napi_ok) return buffer;
  release(env, data, mapping);
  return fail(env, "this Node takes no memory from outside");
}

/* Whether the file is locked for this process alone; never waits. */
static napi_value lock_file(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value value, result;
  int32_t file = -1;
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  napi_get_value_int32(env, value, &file);
  napi_get_boolean(env, flock(file, LOCK_EX | LOCK_NB) == 0, &result);
  return result;
}

static void unmap(napi_env env, void *data, void *length) {
  (void)env;
  munmap(data, (size_t)length);
}

/* Undefined for a file that cannot be mapped. */
static napi_value open_marks(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value path_value, undefined, buffer;
  struct stat stat;
  void *data = MAP_FAILED;
  char *path;
  int file;
  napi_get_undefined(env, &undefined);
  if (napi_get_cb_info(env, info, &count, &path_value, NULL, NULL) != napi_ok || count < 1) return undefined;
  path = text(env, path_value);
  file = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
  free(path);
  if (file < 0) return undefined;
  if (fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_uid == geteuid() && stat.st_size > 0)
    data = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (data == MAP_FAILED) return undefined;
  if (napi_create_external_arraybuffer(env, data, (size_t)stat.st_size, unmap, (void *)(size_t)stat.st_size, &buffer) == napi_ok)
    return buffer;
  munmap(data, (size_t)stat.st_size);
  return undefined;
}

void merlon_mapping(napi_env env, napi_value exports) {
  napi_value function;
  napi_create_function(env, "openMarks", NAPI_AUTO_LENGTH, open_marks, NULL, &function);
  napi_set_named_property(env, exports, "openMarks", function);
  napi_create_function(env, "openShared", NAPI_AUTO_LENGTH, open_shared, NULL, &function);
  napi_set_named_property(env, exports, "openShared", function);
  napi_create_function(env, "lockFile", NAPI_AUTO_LENGTH, lock_file, NULL, &function);
  napi_set_named_property(env, exports, "lockFile", function);
}
#else
#include <node_api.h>
void merlon_mapping(napi_env env, napi_value exports) {
  (void)env;
  (void)exports;
}
#endif

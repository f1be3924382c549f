/**
 * FAISS for searches in the server's own process: open a file, search it in libuv's threads or, where that is short, at once. Flat files are
 * searched by a scan of our own (flat-scan.h). Typed arrays in and out. Nothing is kept between calls but what a handle holds, and every exception
 * becomes a JavaScript error.
 */
#include <napi.h>
#include <omp.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "opened.h"

// Not in every build of BLAS.
extern "C" void openblas_set_num_threads(int) __attribute__((weak));

namespace {

using merlon::Opened;
using Shared = std::shared_ptr<Opened>;
/** JavaScript's handle: emptied by `close`, while searches in flight keep the index itself. */
struct Handle {
  Shared index;
  /** Memory of JavaScript that the index views. It is released in JavaScript's thread, after the last search. */
  std::vector<std::shared_ptr<Napi::ObjectReference>> memory;
};

std::shared_ptr<Napi::ObjectReference> keep(const Napi::Value& value) {
  return std::make_shared<Napi::ObjectReference>(Napi::Persistent(value.As<Napi::Object>()));
}

bool isBytes(const Napi::Value& value) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
}

/** CPU time of this thread in microseconds: the cost of a search, independent of other load. */
double cpuMicros() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/** Hits of one call: 12 bytes each. */
constexpr faiss::idx_t MOST_HITS = faiss::idx_t{1} << 30;

/** One search: queries copied in, answers in memory of their own. */
struct Search {
  Shared index;
  std::vector<std::shared_ptr<Napi::ObjectReference>> memory;
  std::vector<float> queries;
  /** Unset where all vectors may be found. */
  std::unique_ptr<merlon::Filter> filter;
  faiss::idx_t count = 0;
  faiss::idx_t k = 0;
  std::vector<faiss::idx_t> labels;
  std::vector<float> distances;
  double micros = 0;

  void run() {
    // Applies to this thread only. Searches run beside each other; a team of threads for each would take cores from the others.
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    struct Restore {
      int threads;
      ~Restore() { omp_set_num_threads(threads); }
    } restore{before};
    labels.resize(count * k);
    distances.resize(count * k);
    const double started = cpuMicros();
    if (filter)
      index->searchFiltered(count, queries.data(), k, *filter, distances.data(), labels.data());
    else
      index->search(count, queries.data(), k, distances.data(), labels.data());
    micros = cpuMicros() - started;
  }

  Napi::Value result(Napi::Env env) const {
    auto ids = Napi::BigInt64Array::New(env, labels.size());
    auto scores = Napi::Float32Array::New(env, distances.size());
    if (!labels.empty()) {
      std::memcpy(ids.Data(), labels.data(), labels.size() * sizeof(faiss::idx_t));
      std::memcpy(scores.Data(), distances.data(), distances.size() * sizeof(float));
    }
    auto made = Napi::Object::New(env);
    made.Set("ids", ids);
    made.Set("distances", scores);
    made.Set("micros", micros);
    return made;
  }
};

class SearchWorker : public Napi::AsyncWorker {
 public:
  SearchWorker(Napi::Env env, Search search)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), search_(std::move(search)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { search_.run(); }
  void OnOK() override { deferred_.Resolve(search_.result(Env())); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Search search_;
};

/** Reads an index from a path or from bytes. JavaScript keeps bytes unchanged until it is done, or forever if the index is a view of them. */
class OpenWorker : public Napi::AsyncWorker {
 public:
  OpenWorker(Napi::Env env, Napi::Value from, bool tables, bool views)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), tables_(tables), views_(views) {
    if (from.IsString()) {
      path_ = from.As<Napi::String>().Utf8Value();
      return;
    }
    auto bytes = from.As<Napi::Uint8Array>();
    held_ = keep(bytes);
    data_ = bytes.Data();
    length_ = bytes.ByteLength();
  }
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    opened_ = std::make_shared<Opened>();
    if (data_ == nullptr)
      opened_->read(path_, tables_);
    else if (views_)
      opened_->view(data_, length_, tables_);
    else
      opened_->read(data_, length_, tables_);
  }
  void OnOK() override {
    auto env = Env();
    auto made = Napi::Object::New(env);
    made.Set("dimension", static_cast<double>(opened_->index->d));
    made.Set("ntotal", static_cast<double>(opened_->index->ntotal));
    made.Set("scans", opened_->scan != nullptr);
    made.Set("filters", opened_->filters());
    made.Set("scannable", opened_->scannable() != nullptr);
    auto* handle = new Handle{std::move(opened_), {}};
    if (views_) handle->memory.push_back(held_);
    made.Set("handle", Napi::External<Handle>::New(env, handle, [](Napi::Env, Handle* handle) { delete handle; }));
    deferred_.Resolve(made);
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  std::string path_;
  bool tables_;
  bool views_;
  std::shared_ptr<Napi::ObjectReference> held_;
  const uint8_t* data_ = nullptr;
  size_t length_ = 0;
  Shared opened_;
};

/** Makes the scan of an index that was opened as a view: for a file that processes share, or for the index itself. */
class ScanWorker : public Napi::AsyncWorker {
 public:
  ScanWorker(Napi::Env env, Handle* handle, int file)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), index_(handle->index), memory_(handle->memory), file_(file) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    made_ = index_->makeScan();
    if (made_ == nullptr || file_ < 0) return;
    for (size_t at = 0; at < made_->size();) {
      const ssize_t written = write(file_, made_->data() + at, made_->size() - at);
      if (written <= 0) throw std::runtime_error("the scan cannot be written");
      at += written;
    }
  }
  void OnOK() override {
    if (file_ < 0) index_->useScan(std::move(made_));
    deferred_.Resolve(Napi::Boolean::New(Env(), index_->scan != nullptr));
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Shared index_;
  std::vector<std::shared_ptr<Napi::ObjectReference>> memory_;
  int file_;
  std::unique_ptr<merlon::FlatScan> made_;
};

/** Arguments 4 to 6: a bit for each position, the way, and the graph's effort. */
std::unique_ptr<merlon::Filter> filterOf(const Napi::CallbackInfo& info, const Opened& index) {
  if (info.Length() < 7 || !info[4].IsTypedArray() || info[4].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array ||
      !info[5].IsNumber() || !info[6].IsNumber())
    throw std::invalid_argument("a filter is (Uint8Array, way, effort)");
  const auto bits = info[4].As<Napi::Uint8Array>();
  const auto wanted = static_cast<size_t>((index.index->ntotal + 7) / 8);
  if (bits.ElementLength() != wanted)
    throw std::invalid_argument(std::to_string(bits.ElementLength()) + " bytes of bits, and the index takes " + std::to_string(wanted));
  if (!index.filters()) throw std::invalid_argument("an index of this kind is not searched with a filter");
  const auto way = info[5].As<Napi::Number>().Int64Value();
  if (way < 0 || way > 2) throw std::invalid_argument("there is no way " + std::to_string(way));
  const auto effort = info[6].As<Napi::Number>().Int64Value();
  if (effort < 0 || effort > (1 << 20)) throw std::invalid_argument("an effort of " + std::to_string(effort));
  auto filter = std::make_unique<merlon::Filter>();
  filter->bits.assign(bits.Data(), bits.Data() + wanted);
  filter->way = static_cast<merlon::Way>(way);
  filter->effort = static_cast<int>(effort);
  filter->count(static_cast<size_t>(index.index->ntotal));
  return filter;
}

Search asked(const Napi::CallbackInfo& info) {
  if (info.Length() < 4 || !info[0].IsExternal() || !info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array || !info[2].IsNumber() || !info[3].IsNumber())
    throw std::invalid_argument("a search takes (handle, Float32Array, count, k)");
  Search search;
  search.index = info[0].As<Napi::External<Handle>>().Data()->index;
  if (!search.index) throw std::invalid_argument("the index is closed");
  search.memory = info[0].As<Napi::External<Handle>>().Data()->memory;
  const auto queries = info[1].As<Napi::Float32Array>();
  search.count = info[2].As<Napi::Number>().Int64Value();
  search.k = info[3].As<Napi::Number>().Int64Value();
  const auto given = static_cast<faiss::idx_t>(queries.ElementLength());
  if (search.count < 0 || search.count > given || given != search.count * search.index->index->d)
    throw std::invalid_argument(std::to_string(given) + " numbers are not " + std::to_string(search.count) +
                                " queries of " + std::to_string(search.index->index->d));
  // A size that overflows, or that no memory holds, is refused before it is allocated.
  if (search.k < 1 || search.k > search.index->index->ntotal || (search.count > 0 && search.k > MOST_HITS / search.count))
    throw std::invalid_argument("k is " + std::to_string(search.k) + ", and the index holds " +
                                std::to_string(search.index->index->ntotal));
  search.queries.assign(queries.Data(), queries.Data() + given);
  if (info.Length() > 4 && !info[4].IsUndefined()) search.filter = filterOf(info, *search.index);
  return search;
}

/** Runs `work`; what it throws becomes a JavaScript error. */
template <typename Work>
Napi::Value guarded(Napi::Env env, Work work) {
  try {
    return work();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

Napi::Value open(const Napi::CallbackInfo& info) {
  const bool bytes = isBytes(info[0]);
  if (!bytes && !info[0].IsString()) throw Napi::TypeError::New(info.Env(), "open takes a path or a Uint8Array");
  const bool tables = !info[1].IsBoolean() || info[1].As<Napi::Boolean>().Value();
  const bool views = bytes && info[2].IsBoolean() && info[2].As<Napi::Boolean>().Value();
  auto* worker = new OpenWorker(info.Env(), info[0], tables, views);
  const auto promise = worker->promise();
  worker->Queue();
  return promise;
}

Napi::Value searchAsync(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto* worker = new SearchWorker(info.Env(), asked(info));
    const auto promise = worker->promise();
    worker->Queue();
    return promise;
  });
}

Napi::Value searchSync(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto search = asked(info);
    search.run();
    return search.result(info.Env());
  });
}

Handle* openHandle(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "expected a handle");
  auto* handle = info[0].As<Napi::External<Handle>>().Data();
  if (!handle->index) throw Napi::Error::New(info.Env(), "the index is closed");
  return handle;
}

/** (handle, file?) → a promise: whether it scans now. With a file the scan is written there, and not used. */
Napi::Value makeScan(const Napi::CallbackInfo& info) {
  auto* worker = new ScanWorker(info.Env(), openHandle(info), info[1].IsNumber() ? info[1].As<Napi::Number>().Int32Value() : -1);
  const auto promise = worker->promise();
  worker->Queue();
  return promise;
}

/** (handle, bytes) → whether it scans now, by a scan that `makeScan` wrote. */
Napi::Value useScan(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto* handle = openHandle(info);
    if (!isBytes(info[1])) throw std::invalid_argument("useScan takes a Uint8Array");
    const auto bytes = info[1].As<Napi::Uint8Array>();
    handle->index->useScan(bytes.Data(), bytes.ByteLength());
    handle->memory.push_back(keep(bytes));
    return Napi::Boolean::New(info.Env(), handle->index->scan != nullptr);
  });
}

Napi::Value close(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "close takes a handle");
  auto* handle = info[0].As<Napi::External<Handle>>().Data();
  handle->index.reset();
  handle->memory.clear();
  return info.Env().Undefined();
}

/** For a process that opens an untrusted file. */
Napi::Value limitMemory(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) throw Napi::TypeError::New(info.Env(), "limitMemory takes a number of bytes");
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = std::min(limit.rlim_max, static_cast<rlim_t>(info[0].As<Napi::Number>().Int64Value()));
  setrlimit(RLIMIT_AS, &limit);
  return info.Env().Undefined();
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  // Searches beside each other would wait, spinning, for its one team of threads.
  if (openblas_set_num_threads != nullptr) openblas_set_num_threads(1);
  exports.Set("open", Napi::Function::New(env, open));
  exports.Set("searchAsync", Napi::Function::New(env, searchAsync));
  exports.Set("searchSync", Napi::Function::New(env, searchSync));
  exports.Set("close", Napi::Function::New(env, close));
  exports.Set("limitMemory", Napi::Function::New(env, limitMemory));
  exports.Set("makeScan", Napi::Function::New(env, makeScan));
  exports.Set("useScan", Napi::Function::New(env, useScan));
  exports.Set("skipsTables", merlon::SKIPS_TABLES);
  exports.Set("viewsMemory", merlon::VIEWS_MEMORY);
  return exports;
}

}  // namespace

NODE_API_MODULE(merlon_faiss, start)

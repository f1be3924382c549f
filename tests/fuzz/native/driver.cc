/**
 * Opens and searches index files as the server does, for a build with sanitizers. Input: for each file a header and the file. A header has
 * the bytes of the file (uint32), whether tables are computed (uint32), and the longest component of a query (float32). Output: one line a file: `searched`, or `refused` and why.
 * The sanitizers end the process on the first fault.
 */
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include <omp.h>
#include <unistd.h>

#include "opened.h"

extern "C" void openblas_set_num_threads(int) __attribute__((weak));

namespace {

bool readAll(void* to, size_t length) { return std::fread(to, 1, length, stdin) == length; }

void searchAll(const merlon::Opened& opened, float scale) {
  const auto ntotal = opened.index->ntotal;
  if (ntotal == 0) return;
  const faiss::idx_t sizes[][2] = {{1, 1}, {1, std::min<faiss::idx_t>(10, ntotal)}, {3, ntotal}, {25, std::min<faiss::idx_t>(5, ntotal)}};
  for (const auto& [count, k] : sizes) {
    std::vector<float> queries(static_cast<size_t>(count) * opened.index->d);
    for (size_t i = 0; i < queries.size(); i++) queries[i] = scale * std::sin(static_cast<float>(i));
    std::vector<float> distances(count * k);
    std::vector<faiss::idx_t> labels(count * k);
    opened.search(count, queries.data(), k, distances.data(), labels.data());
  }
}

/** Searches each way with filters of several densities. */
void searchFiltered(const merlon::Opened& opened, float scale) {
  const auto ntotal = opened.index->ntotal;
  if (ntotal == 0 || !opened.filters()) return;
  for (const merlon::Way way : {merlon::Way::exact, merlon::Way::lists, merlon::Way::graph})
    for (const int step : {1, 2, 7, 1 << 20}) {
      merlon::Filter filter;
      filter.bits.assign(static_cast<size_t>((ntotal + 7) / 8), step == 1 ? 255 : 0);
      for (faiss::idx_t i = step / 2; i < ntotal && step > 1; i += step) filter.bits[i >> 3] |= static_cast<uint8_t>(1u << (i & 7));
      filter.way = way;
      filter.effort = step == 7 ? 0 : 20;
      filter.count(static_cast<size_t>(ntotal));
      for (const faiss::idx_t k : {faiss::idx_t{1}, std::min<faiss::idx_t>(10, ntotal), ntotal}) {
        std::vector<float> queries(static_cast<size_t>(2 * opened.index->d));
        for (size_t i = 0; i < queries.size(); i++) queries[i] = scale * std::cos(static_cast<float>(i));
        std::vector<float> distances(2 * k);
        std::vector<faiss::idx_t> labels(2 * k);
        opened.searchFiltered(2, queries.data(), k, filter, distances.data(), labels.data());
      }
    }
}

std::string open(const std::vector<uint8_t>& bytes, bool tables, float scale) {
  try {
    merlon::Opened opened;
    opened.read(bytes.data(), bytes.size(), tables);
    searchAll(opened, scale);
    searchFiltered(opened, scale);
    return "searched";
  } catch (const std::exception& error) {
    std::string text = error.what();
    return "refused " + text.substr(0, text.find('\n'));
  }
}

}  // namespace

int main() {
  omp_set_num_threads(1);
  if (openblas_set_num_threads != nullptr) openblas_set_num_threads(1);
  struct {
    uint32_t length, tables;
    float scale;
  } head;
  while (readAll(&head, sizeof head)) {
    std::vector<uint8_t> bytes(head.length);
    if (!readAll(bytes.data(), bytes.size())) return 2;
    // A file that is searched for longer is a finding: SIGALRM ends the process.
    alarm(60);
    std::puts(open(bytes, head.tables != 0, head.scale).c_str());
    alarm(0);
    std::fflush(stdout);
  }
  return 0;
}

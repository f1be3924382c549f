/**
 * An index as searches use it, without Node: what it takes to read one, to check what FAISS does not, and to search. Flat files and inverted lists
 * of plain vectors are searched by scans of our own (flat-scan.h, ivf-scan.h). tests/fuzz/native links this file with sanitizers.
 */
#pragma once

#include <faiss/Index.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "filtered.h"
#include "flat-scan.h"
#include "ivf-scan.h"

#define MERLON_FAISS_FROM(MAJOR, MINOR) \
  (FAISS_VERSION_MAJOR > (MAJOR) || (FAISS_VERSION_MAJOR == (MAJOR) && FAISS_VERSION_MINOR >= (MINOR)))

#if MERLON_FAISS_FROM(1, 11)
#include <faiss/impl/zerocopy_io.h>
#endif

namespace merlon {

/** Whether this FAISS can open an index without the tables that only speed searches up. */
constexpr bool SKIPS_TABLES = MERLON_FAISS_FROM(1, 9);

/** Whether this FAISS can search arrays in memory that it does not own. */
constexpr bool VIEWS_MEMORY = MERLON_FAISS_FROM(1, 11);

/** Bytes in memory, as FAISS reads them. */
struct BytesReader : faiss::IOReader {
  const uint8_t* data;
  size_t left;
  BytesReader(const uint8_t* data, size_t left) : data(data), left(left) {}
  size_t operator()(void* to, size_t size, size_t count) override {
    if (size == 0) return count;
    const size_t whole = std::min(count, left / size);
    if (whole > 0) std::memcpy(to, data, whole * size);
    data += whole * size;
    left -= whole * size;
    return whole;
  }
};

/** FAISS compares none of these sizes, and its loops trust them. @throws std::runtime_error */
inline void checkSizes(const faiss::Index* index) {
  const auto fail = [](const char* what) { throw std::runtime_error(std::string("the index is damaged: ") + what); };
  if (index == nullptr) return fail("an index inside is missing");
  if (index->d < 1 || index->ntotal < 0) fail("its dimension or its number of vectors is out of range");
  const auto inside = [&](const faiss::Index* inner, bool sameDimension) {
    checkSizes(inner);
    if (inner->ntotal != index->ntotal || (sameDimension && inner->d != index->d)) fail("the index inside is of another size");
  };
  if (const auto* map = dynamic_cast<const faiss::IndexIDMap*>(index)) {
    inside(map->index, true);
    if (map->id_map.size() != static_cast<size_t>(map->ntotal)) fail("ids and vectors differ in number");
  } else if (const auto* pre = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
    inside(pre->index, false);
    int d = pre->d;
    for (const auto* transform : pre->chain) {
      if (transform == nullptr || transform->d_in != d || transform->d_out < 1) fail("a transform is of another dimension");
      d = transform->d_out;
    }
    if (pre->index->d != d) fail("transforms and the index inside differ in dimension");
  } else if (const auto* refine = dynamic_cast<const faiss::IndexRefine*>(index)) {
    inside(refine->base_index, true);
    inside(refine->refine_index, true);
  } else if (const auto* flat = dynamic_cast<const faiss::IndexFlatCodes*>(index)) {
    if (flat->code_size < 1 || flat->codes.size() / flat->code_size < static_cast<size_t>(flat->ntotal))
      fail("codes and vectors differ in number");
    if (dynamic_cast<const faiss::IndexFlat*>(index) != nullptr && flat->code_size != index->d * sizeof(float))
      fail("vectors are of another dimension");
  } else if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(index)) {
    checkSizes(ivf->quantizer);
    const auto* lists = dynamic_cast<const faiss::ArrayInvertedLists*>(ivf->invlists);
    if (lists == nullptr || lists->nlist != ivf->nlist || lists->code_size != ivf->code_size ||
        lists->ids.size() != ivf->nlist || lists->codes.size() != ivf->nlist)
      return fail("its inverted lists are missing or of another size");
    if (ivf->quantizer->d != index->d || static_cast<size_t>(ivf->quantizer->ntotal) != ivf->nlist)
      fail("quantizer and lists differ in number");
    for (size_t i = 0; i < ivf->nlist; i++)
      if (lists->codes[i].size() != lists->ids[i].size() * lists->code_size) fail("codes and ids of a list differ in number");
  }
}

/** An index, and where it is flat or of lists what scans it, with the ids of its positions where it has some. */
class Opened {
 public:
  std::unique_ptr<faiss::Index> index;
  std::unique_ptr<FlatScan> scan;

  /** @param tables whether FAISS computes tables that speed searches up @throws std::exception */
  void read(const std::string& path, bool tables) {
    index.reset(faiss::read_index(path.c_str(), flags(tables)));
    prepare();
  }
  void read(const uint8_t* data, size_t length, bool tables) {
    BytesReader reader(data, length);
    index.reset(faiss::read_index(&reader, flags(tables)));
    prepare();
  }

  /** Does not copy the large arrays: `data` outlives this. The scan is made or used later. @throws std::exception */
  void view(const uint8_t* data, size_t length, bool tables) {
#if MERLON_FAISS_FROM(1, 11)
    faiss::ZeroCopyIOReader reader(const_cast<uint8_t*>(data), length);
    index.reset(faiss::read_index(&reader, flags(tables)));
    prepare(false);
#else
    read(data, length, tables);
#endif
  }

  /** The vectors that a scan can search. */
  const faiss::IndexFlat* scannable() const {
    const auto* flat = dynamic_cast<const faiss::IndexFlat*>(inner_);
    if (flat == nullptr || (flat->metric_type != faiss::METRIC_INNER_PRODUCT && flat->metric_type != faiss::METRIC_L2)) return nullptr;
    // Rows of a pass are 32-bit numbers.
    return dotKernel().fast && flat->ntotal > 0 && flat->ntotal <= INT32_MAX - 16 ? flat : nullptr;
  }

  /** A scan of this index, which `useScan` takes; null if FAISS has to search. @throws std::bad_alloc */
  std::unique_ptr<FlatScan> makeScan() const {
    const auto* flat = scannable();
    return flat == nullptr ? nullptr : std::make_unique<FlatScan>(flat->get_xb(), flat->ntotal, flat->d, flat->metric_type == faiss::METRIC_L2);
  }
  /** @param data outlives this @throws std::invalid_argument */
  void useScan(const uint8_t* data, size_t length) {
    const auto* flat = scannable();
    if (flat == nullptr) return;
    useScan(FlatScan::over(flat->get_xb(), flat->ntotal, flat->d, flat->metric_type == faiss::METRIC_L2, data, length));
  }
  void useScan(std::unique_ptr<FlatScan> made) {
    if (made != nullptr && made->usable()) scan = std::move(made);
  }

  /** @param k 1 … ntotal @throws std::exception */
  void search(faiss::idx_t count, const float* queries, faiss::idx_t k, float* distances, faiss::idx_t* labels) const {
    if (lists_)
      lists_->search(count, queries, k, distances, labels);
    else if (!scan || !scan->search(count, queries, k, distances, labels))
      searchByFaiss(count, queries, k, distances, labels);
    mapIds(count * k, labels);
  }

  /** Whether `searchFiltered` searches this kind of index. */
  bool filters() const { return filtered_ && filtered_->usable(); }

  /** Among the positions whose bits are set, each of which is the id that the file holds there. @param k 1 … ntotal @throws std::exception */
  void searchFiltered(faiss::idx_t count, const float* queries, faiss::idx_t k, const Filter& filter, float* distances, faiss::idx_t* labels) const {
    filtered_->search(count, queries, k, filter, scan.get(), distances, labels);
    mapIds(count * k, labels);
  }

 private:
  void mapIds(faiss::idx_t count, faiss::idx_t* labels) const {
    if (ids_ == nullptr) return;
    const auto known = static_cast<faiss::idx_t>(ids_->size());
    for (faiss::idx_t i = 0; i < count; i++) {
      if (labels[i] >= known) throw std::runtime_error("FAISS found the position " + std::to_string(labels[i]) + " among " + std::to_string(known));
      if (labels[i] >= 0) labels[i] = (*ids_)[labels[i]];
    }
  }

  std::unique_ptr<IvfScan> lists_;
  std::unique_ptr<Filtered> filtered_;
  const std::vector<faiss::idx_t>* ids_ = nullptr;
  /** The index with positions: this one, or the one inside an id map. */
  const faiss::Index* inner_ = nullptr;
  const faiss::IndexRefine* refine_ = nullptr;

  static int flags(bool tables) {
#if MERLON_FAISS_FROM(1, 9)
    // Searches use no distances between pairs of centroids.
    return faiss::IO_FLAG_PQ_SKIP_SDC_TABLE | (tables ? 0 : faiss::IO_FLAG_SKIP_PRECOMPUTE_TABLE);
#else
    (void)tables;
    return 0;
#endif
  }

  void prepare(bool scans = true) {
    checkSizes(index.get());
    inner_ = index.get();
    if (const auto* map = dynamic_cast<const faiss::IndexIDMap*>(inner_)) {
      inner_ = map->index;
      ids_ = &map->id_map;
    }
    refine_ = refineOf(inner_);
    lists_ = IvfScan::of(*inner_);
    filtered_ = std::make_unique<Filtered>(*inner_);
    useLargePages(inner_);
    if (scans) useScan(makeScan());
  }

  /**
   * Puts vectors that searches read in any order on large pages, if the system has them. Comparing 10 % of 1,000,000 x 64 takes 2.3 ms with them
   * and 3.2 to 5.8 ms without. The memory stays the same.
   */
  static void useLargePages(const faiss::Index* index) {
#ifdef MADV_COLLAPSE
    const auto* graph = dynamic_cast<const faiss::IndexHNSW*>(index);
    const auto* codes = dynamic_cast<const faiss::IndexFlatCodes*>(graph != nullptr ? graph->storage : index);
    if (codes == nullptr) return;
    const auto start = reinterpret_cast<uintptr_t>(codes->codes.data());
    const uintptr_t first = (start + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    const uintptr_t end = (start + codes->codes.size()) / LARGE_PAGE * LARGE_PAGE;
    if (end > first) (void)madvise(reinterpret_cast<void*>(first), end - first, MADV_COLLAPSE);
#else
    (void)index;
#endif
  }
  static constexpr uintptr_t LARGE_PAGE = 2 << 20;

  static const faiss::IndexRefine* refineOf(const faiss::Index* index) {
    if (const auto* map = dynamic_cast<const faiss::IndexIDMap*>(index)) return refineOf(map->index);
    if (const auto* pre = dynamic_cast<const faiss::IndexPreTransform*>(index)) return refineOf(pre->index);
    return dynamic_cast<const faiss::IndexRefine*>(index);
  }

  /** A refinement allocates for k times its factor, also where that is more than there are vectors. */
  void searchByFaiss(faiss::idx_t count, const float* queries, faiss::idx_t k, float* distances, faiss::idx_t* labels) const {
    const auto ntotal = static_cast<float>(inner_->ntotal);
    if (refine_ == nullptr || refine_->k_factor * static_cast<float>(k) <= ntotal) {
      inner_->search(count, queries, k, distances, labels);
      return;
    }
#if MERLON_FAISS_FROM(1, 8)
    faiss::IndexRefineSearchParameters all;
    // Rounded up: the product must be no less than the number of vectors.
    all.k_factor = std::max(1.0f, ntotal / static_cast<float>(k)) * (1 + 4 * std::numeric_limits<float>::epsilon());
    inner_->search(count, queries, k, distances, labels, &all);
#else
    if (refine_->k_factor * static_cast<float>(k) > std::max(4 * ntotal, 1048576.0f))
      throw std::runtime_error("k times k_factor is too large for an index of " + std::to_string(inner_->ntotal) + " vectors");
    inner_->search(count, queries, k, distances, labels);
#endif
  }
};

}  // namespace merlon

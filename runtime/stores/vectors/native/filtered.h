/**
 * Searches among the vectors whose bits are set. Positions are the labels that an index answers without its id map: of an index of lists, the ids
 * that its lists hold. A search compares all that are set, visits the lists of the nearest centroids, or walks the graph. The caller chooses the
 * cheapest (../filtered-search.ts).
 */
#pragma once

#include <faiss/IndexFlat.h>
#include <faiss/IndexFlatCodes.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/IDSelector.h>

#include <algorithm>
#include <cfloat>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <typeinfo>
#include <vector>

#include "dots.h"
#include "flat-scan.h"
#include "ivf-scan.h"

namespace merlon {

enum class Way { exact = 0, lists = 1, graph = 2 };

/** One bit for each position, the lowest of a byte first. */
struct Filter {
  std::vector<uint8_t> bits;
  Way way = Way::exact;
  /** Graph: number of nodes that a search keeps. */
  int effort = 0;
  size_t set = 0;

  /** Clears bits beyond the last position, and counts the others. */
  void count(size_t positions) {
    set = 0;
    if (positions % 8 != 0 && bits.size() * 8 > positions) bits.back() &= static_cast<uint8_t>((1u << (positions % 8)) - 1);
    for (const uint8_t byte : bits) set += static_cast<size_t>(__builtin_popcount(byte));
  }
};

class Filtered {
 public:
  /** @param index without its id map; it outlives this */
  explicit Filtered(const faiss::Index& index) : index_(index) {
    const faiss::Index* at = &index;
    if (const auto* pre = dynamic_cast<const faiss::IndexPreTransform*>(at)) {
      transform_ = pre;
      at = pre->index;
    }
    if (at->metric_type != faiss::METRIC_INNER_PRODUCT && at->metric_type != faiss::METRIC_L2) return;
    ivf_ = dynamic_cast<const faiss::IndexIVF*>(at);
    if (typeid(*at) == typeid(faiss::IndexIVFFlat)) plainLists_ = dynamic_cast<const faiss::ArrayInvertedLists*>(ivf_->invlists);
    graph_ = dynamic_cast<const faiss::IndexHNSW*>(at);
    codes_ = dynamic_cast<const faiss::IndexFlatCodes*>(graph_ != nullptr ? graph_->storage : at);
    flat_ = dynamic_cast<const faiss::IndexFlat*>(codes_);
    if (graph_ != nullptr && (codes_ == nullptr || codes_->ntotal != graph_->ntotal || codes_->d != graph_->d)) codes_ = nullptr;
    if (ivf_ != nullptr) scan_ = IvfScan::of(*at);
    usable_ = ivf_ != nullptr || codes_ != nullptr;
    inner_ = at;
  }

  /** Whether the kind of index can be searched so. */
  bool usable() const { return usable_; }

  /**
   * Labels after the last hit are -1. @param fast of a flat index, where there is one @param k 1 … ntotal @throws std::exception
   */
  void search(faiss::idx_t count, const float* queries, faiss::idx_t k, const Filter& filter, const FlatScan* fast, float* distances,
              faiss::idx_t* labels) const {
    if (!usable_) throw std::invalid_argument("an index of this kind is not searched with a filter");
    std::unique_ptr<const float[]> owned;
    const float* asked = queries;
    if (transform_ != nullptr) {
      const float* made = transform_->apply_chain(count, queries);
      if (made != queries) owned.reset(made);
      asked = made;
    }
    if (filter.set == 0)
      none(count * k, distances, labels);
    else if (filter.way == Way::graph && graph_ != nullptr)
      byGraph(count, asked, k, filter, distances, labels);
    else if (ivf_ != nullptr && filter.way == Way::lists && scan_)
      scan_->search(static_cast<size_t>(count), asked, static_cast<size_t>(k), distances, labels, &filter.bits);
    else if (ivf_ != nullptr && (filter.way == Way::lists || plainLists_ == nullptr))
      byLists(count, asked, k, filter, distances, labels);
    else if (!densely(count, asked, k, filter, fast, distances, labels))
      oneByOne(count, asked, k, filter, distances, labels);
  }

 private:
  void none(faiss::idx_t n, float* distances, faiss::idx_t* labels) const {
    for (faiss::idx_t i = 0; i < n; i++) {
      distances[i] = isL2() ? FLT_MAX : -FLT_MAX;
      labels[i] = -1;
    }
  }

  bool isL2() const { return inner_->metric_type == faiss::METRIC_L2; }

  void byGraph(faiss::idx_t count, const float* queries, faiss::idx_t k, const Filter& filter, float* distances, faiss::idx_t* labels) const {
    faiss::IDSelectorBitmap selector(filter.bits.size(), filter.bits.data());
    faiss::SearchParametersHNSW parameters;
    parameters.sel = &selector;
    parameters.efSearch = filter.effort > 0 ? filter.effort : graph_->hnsw.efSearch;
    graph_->search(count, queries, k, distances, labels, &parameters);
  }

  void byLists(faiss::idx_t count, const float* queries, faiss::idx_t k, const Filter& filter, float* distances, faiss::idx_t* labels) const {
    faiss::IDSelectorBitmap selector(filter.bits.size(), filter.bits.data());
    faiss::IVFSearchParameters parameters;
    parameters.sel = &selector;
    parameters.nprobe = filter.way == Way::exact ? ivf_->nlist : ivf_->nprobe;
    parameters.max_codes = filter.way == Way::exact ? 0 : ivf_->max_codes;
    ivf_->search(count, queries, k, distances, labels, &parameters);
  }

  /** One pass for several queries, where many bits are set. @returns false where the vectors have to be compared one by one */
  bool densely(faiss::idx_t count, const float* queries, faiss::idx_t k, const Filter& filter, const FlatScan* fast, float* distances,
               faiss::idx_t* labels) const {
    if (fast == nullptr || inner_ != &index_ || filter.set < static_cast<size_t>(k) || filter.set * SPARSE < static_cast<size_t>(inner_->ntotal))
      return false;
    return fast->search(static_cast<size_t>(count), queries, static_cast<size_t>(k), distances, labels, &filter.bits);
  }

  void oneByOne(faiss::idx_t count, const float* queries, faiss::idx_t k, const Filter& filter, float* distances, faiss::idx_t* labels) const {
    const auto d = static_cast<size_t>(inner_->d);
    const bool plain = plainLists_ != nullptr || flat_ != nullptr;
    std::unique_ptr<faiss::DistanceComputer> computer(plain ? nullptr : codes_->get_distance_computer());
    Nearest found;
    for (faiss::idx_t row = 0; row < count; row++) {
      const float* q = queries + static_cast<size_t>(row) * d;
      if (computer) computer->set_query(q);
      found.begin(static_cast<size_t>(k));
      const auto offer = [&](float score, size_t position) {
        const float less = isL2() ? score : -score;
        found.offer(&less, 1, position);
      };
      if (plainLists_ != nullptr)
        eachInLists(filter, d, [&](size_t i, const float* x) { offer(compare(q, x, d), i); });
      else if (computer)
        eachSet(filter, [&](size_t i) { offer((*computer)(static_cast<faiss::idx_t>(i)), i); });
      else
        eachOfRows(filter, d, [&](size_t i, const float* x) { offer(compare(q, x, d), i); });
      found.end();
      write(found, static_cast<size_t>(k), distances + row * k, labels + row * k);
    }
  }

  void write(const Nearest& found, size_t k, float* distances, faiss::idx_t* labels) const {
    none(static_cast<faiss::idx_t>(k), distances, labels);
    for (size_t i = 0; i < found.kept.size(); i++) {
      labels[i] = static_cast<faiss::idx_t>(found.kept[i].second);
      distances[i] = isL2() ? found.kept[i].first : -found.kept[i].first;
    }
  }

  float compare(const float* q, const float* x, size_t d) const { return isL2() ? dotKernel().squares(q, x, d) : dotKernel().product(q, x, d); }

  template <typename Visit>
  void eachSet(const Filter& filter, Visit visit) const {
    const auto ntotal = static_cast<size_t>(codes_->ntotal);
    for (size_t byte = 0; byte < filter.bits.size(); byte++)
      for (unsigned left = filter.bits[byte]; left != 0; left &= left - 1) {
        const size_t i = byte * 8 + static_cast<size_t>(__builtin_ctz(left));
        if (i < ntotal) visit(i);
      }
  }

  /**
   * Vectors of the set lie apart, and the processor foresees none of them: each is fetched into the cache while those before it are compared. 10 % of
   * 1,000,000 x 64 take 2.3 ms in place of 7.
   */
  template <typename Visit>
  void eachOfRows(const Filter& filter, size_t d, Visit visit) const {
    const float* rows = flat_->get_xb();
    size_t ahead[AHEAD];
    size_t seen = 0;
    eachSet(filter, [&](size_t i) {
      for (size_t at = 0; at < d; at += CACHE_LINE) __builtin_prefetch(rows + i * d + at);
      size_t& slot = ahead[seen++ % AHEAD];
      if (seen > AHEAD) visit(slot, rows + slot * d);
      slot = i;
    });
    for (size_t n = std::min(seen, AHEAD); n > 0; n--) {
      const size_t i = ahead[(seen - n) % AHEAD];
      visit(i, rows + i * d);
    }
  }

  /** Ids of lists are positions here. */
  template <typename Visit>
  void eachInLists(const Filter& filter, size_t d, Visit visit) const {
    for (size_t list = 0; list < plainLists_->ids.size(); list++) {
      const auto& ids = plainLists_->ids[list];
      const auto* rows = reinterpret_cast<const float*>(plainLists_->codes[list].data());
      for (size_t i = 0; i < ids.size(); i++)
        if (isSet(filter.bits, ids[i])) visit(static_cast<size_t>(ids[i]), rows + i * d);
    }
  }

  /** If one vector in six is set, a pass over all is cheaper. */
  static constexpr size_t SPARSE = 6;
  /** Vectors that are on their way into the cache. */
  static constexpr size_t AHEAD = 24;
  /** Floats of a line of it. */
  static constexpr size_t CACHE_LINE = 16;

  const faiss::Index& index_;
  const faiss::Index* inner_ = nullptr;
  const faiss::IndexPreTransform* transform_ = nullptr;
  const faiss::IndexIVF* ivf_ = nullptr;
  const faiss::ArrayInvertedLists* plainLists_ = nullptr;
  const faiss::IndexHNSW* graph_ = nullptr;
  const faiss::IndexFlatCodes* codes_ = nullptr;
  const faiss::IndexFlat* flat_ = nullptr;
  std::unique_ptr<IvfScan> scan_;
  bool usable_ = false;
};

}  // namespace merlon

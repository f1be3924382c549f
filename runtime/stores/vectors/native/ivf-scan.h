/**
 * Search of an index of lists that keeps vectors as they are: the lists of the nearest centroids, looked at by this processor's loops. Visits what
 * FAISS visits and gives what it gives, in about half the time: a distribution's FAISS is compiled for the oldest processor.
 */
#pragma once

#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFFlat.h>

#include <algorithm>
#include <cfloat>
#include <cstdint>
#include <memory>
#include <typeinfo>
#include <utility>
#include <vector>

#include "dots.h"

namespace merlon {

/** Whether an id's bit is set; one beyond the bits has none. */
inline bool isSet(const std::vector<uint8_t>& bits, faiss::idx_t id) {
  return id >= 0 && static_cast<size_t>(id >> 3) < bits.size() && ((bits[static_cast<size_t>(id >> 3)] >> (id & 7)) & 1) != 0;
}

/** The k best of the offered scores: less is better, of equal scores the first position. */
class Nearest {
 public:
  std::vector<std::pair<float, uint64_t>> kept;

  void begin(size_t k) {
    k_ = k;
    most_ = 2 * k + 16;
    threshold_ = FLT_MAX;
    kept.clear();
  }
  /** Places rise from call to call. NaN is ignored. */
  void offer(const float* scores, size_t n, uint64_t place) {
    for (size_t i = 0; i < n; i++) {
      if (!(scores[i] < threshold_)) continue;
      kept.emplace_back(scores[i], place + i);
      if (kept.size() >= most_) shrink();
    }
  }
  /** Leaves the best k, best first. */
  void end() {
    shrink();
    std::sort(kept.begin(), kept.end());
  }

 private:
  void shrink() {
    if (kept.size() < k_) return;
    std::nth_element(kept.begin(), kept.begin() + (k_ - 1), kept.end());
    kept.resize(k_);
    threshold_ = kept[k_ - 1].first;
  }
  size_t k_ = 0, most_ = 0;
  float threshold_ = FLT_MAX;
};

class IvfScan {
 public:
  /** @returns null where FAISS itself has to search. @param index outlives what is made */
  static std::unique_ptr<IvfScan> of(const faiss::Index& index) {
    const auto* ivf = typeid(index) == typeid(faiss::IndexIVFFlat) ? static_cast<const faiss::IndexIVFFlat*>(&index) : nullptr;
    const auto* flat = ivf == nullptr ? nullptr : dynamic_cast<const faiss::IndexFlat*>(ivf->quantizer);
    const auto* lists = ivf == nullptr ? nullptr : dynamic_cast<const faiss::ArrayInvertedLists*>(ivf->invlists);
    if (flat == nullptr || lists == nullptr || !dotKernel().fast || ivf->max_codes != 0) return nullptr;
    if (!compares(ivf->metric_type) || !compares(flat->metric_type) || ivf->nlist == 0) return nullptr;
    // Sizes that the loops below go by; checkSizes (opened.h) has compared codes with ids.
    const size_t d = ivf->d;
    if (flat->d != ivf->d || static_cast<size_t>(flat->ntotal) != ivf->nlist || flat->codes.size() < ivf->nlist * d * sizeof(float) ||
        lists->code_size != d * sizeof(float) || lists->ids.size() != ivf->nlist)
      return nullptr;
    return std::unique_ptr<IvfScan>(new IvfScan(*ivf, *flat, *lists));
  }

  /** @param bits of the ids that may be found, the lowest of a byte first; null for all */
  void search(size_t queries, const float* asked, size_t k, float* distances, faiss::idx_t* labels, const std::vector<uint8_t>* bits = nullptr) const {
    Nearest lists, found;
    std::vector<float> scores;
    for (size_t i = 0; i < queries; i++) one(asked + i * d_, k, distances + i * k, labels + i * k, lists, found, scores, bits);
  }

 private:
  IvfScan(const faiss::IndexIVFFlat& index, const faiss::IndexFlat& centroids, const faiss::ArrayInvertedLists& lists)
      : index_(index), centroids_(centroids), lists_(lists), d_(index.d), l2_(index.metric_type == faiss::METRIC_L2) {}

  static bool compares(faiss::MetricType metric) { return metric == faiss::METRIC_INNER_PRODUCT || metric == faiss::METRIC_L2; }

  static void score(bool l2, const float* q, const float* x, size_t n, size_t d, float* out) {
    const DotKernel& kernel = dotKernel();
    if (l2) {
      kernel.squaresOfRows(q, x, n, d, out);
      return;
    }
    kernel.productsOfRows(q, x, n, d, out);
    for (size_t i = 0; i < n; i++) out[i] = -out[i];
  }

  /** Vectors of a list whose ids' bits are set. */
  void offerSet(const float* q, size_t list, const std::vector<uint8_t>& bits, Nearest& found, uint64_t place) const {
    const auto& ids = lists_.ids[list];
    const auto* rows = reinterpret_cast<const float*>(lists_.codes[list].data());
    for (size_t i = 0; i < ids.size(); i++) {
      if (!isSet(bits, ids[i])) continue;
      const float score = l2_ ? dotKernel().squares(q, rows + i * d_, d_) : -dotKernel().product(q, rows + i * d_, d_);
      found.offer(&score, 1, place + i);
    }
  }

  void one(const float* q, size_t k, float* distances, faiss::idx_t* labels, Nearest& lists, Nearest& found, std::vector<float>& scores,
           const std::vector<uint8_t>* bits) const {
    scores.resize(index_.nlist);
    score(centroids_.metric_type == faiss::METRIC_L2, q, centroids_.get_xb(), index_.nlist, d_, scores.data());
    lists.begin(std::min(index_.nlist, index_.nprobe));
    lists.offer(scores.data(), index_.nlist, 0);
    lists.end();

    found.begin(k);
    for (size_t probe = 0; probe < lists.kept.size(); probe++) {
      const size_t list = lists.kept[probe].second;
      const size_t n = lists_.ids[list].size();
      if (bits != nullptr) {
        offerSet(q, list, *bits, found, static_cast<uint64_t>(probe) << 40);
        continue;
      }
      scores.resize(n);
      score(l2_, q, reinterpret_cast<const float*>(lists_.codes[list].data()), n, d_, scores.data());
      found.offer(scores.data(), n, static_cast<uint64_t>(probe) << 40);
    }
    found.end();
    for (size_t i = 0; i < k; i++) {
      if (i >= found.kept.size()) {
        distances[i] = l2_ ? FLT_MAX : -FLT_MAX;
        labels[i] = -1;
        continue;
      }
      const auto [score, place] = found.kept[i];
      distances[i] = l2_ ? score : -score;
      labels[i] = lists_.ids[lists.kept[place >> 40].second][place & ((uint64_t{1} << 40) - 1)];
    }
  }

  const faiss::IndexIVFFlat& index_;
  const faiss::IndexFlat& centroids_;
  const faiss::ArrayInvertedLists& lists_;
  size_t d_;
  bool l2_;
};

}  // namespace merlon

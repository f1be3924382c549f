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

class IvfScan {
 public:
  /** @returns null where FAISS itself has to search. @param index outlives what is made */
  static std::unique_ptr<IvfScan> of(const faiss::Index& index) {
    const auto* ivf = typeid(index) == typeid(faiss::IndexIVFFlat) ? static_cast<const faiss::IndexIVFFlat*>(&index) : nullptr;
    const auto* flat = ivf == nullptr ? nullptr : dynamic_cast<const faiss::IndexFlat*>(ivf->quantizer);
    const auto* lists = ivf == nullptr ? nullptr : dynamic_cast<const faiss::ArrayInvertedLists*>(ivf->invlists);
    if (flat == nullptr || lists == nullptr || !dotKernel().fast || ivf->max_codes != 0) return nullptr;
    if (!compares(ivf->metric_type) || !compares(flat->metric_type) || ivf->nlist == 0) return nullptr;
    return std::unique_ptr<IvfScan>(new IvfScan(*ivf, *flat, *lists));
  }

  void search(size_t queries, const float* asked, size_t k, float* distances, faiss::idx_t* labels) const {
    Scored scored, near;
    std::vector<float> scores;
    for (size_t i = 0; i < queries; i++) one(asked + i * d_, k, distances + i * k, labels + i * k, near, scored, scores);
  }

 private:
  /** A score, of which less is better, and the place in the order of looking: of equal scores the first comes first. */
  using Scored = std::vector<std::pair<float, uint64_t>>;

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

  /** Leaves the best k, in no order. @returns the worst of them, or what all are better than while there are fewer */
  static float shrink(Scored& scored, size_t k) {
    if (scored.size() < k) return FLT_MAX;
    std::nth_element(scored.begin(), scored.begin() + (k - 1), scored.end());
    scored.resize(k);
    return scored[k - 1].first;
  }

  void one(const float* q, size_t k, float* distances, faiss::idx_t* labels, Scored& near, Scored& scored, std::vector<float>& scores) const {
    const size_t nlist = index_.nlist;
    const size_t nprobe = std::min(nlist, index_.nprobe);
    scores.resize(nlist);
    score(centroids_.metric_type == faiss::METRIC_L2, q, centroids_.get_xb(), nlist, d_, scores.data());
    near.clear();
    for (size_t i = 0; i < nlist; i++) near.emplace_back(scores[i], i);
    shrink(near, nprobe);
    std::sort(near.begin(), near.end());

    scored.clear();
    const size_t most = 2 * k + 512;
    float threshold = FLT_MAX;
    for (size_t probe = 0; probe < nprobe; probe++) {
      const size_t list = near[probe].second;
      const size_t n = lists_.ids[list].size();
      scores.resize(n);
      score(l2_, q, reinterpret_cast<const float*>(lists_.codes[list].data()), n, d_, scores.data());
      for (size_t i = 0; i < n; i++) {
        if (!(scores[i] < threshold)) continue;
        scored.emplace_back(scores[i], static_cast<uint64_t>(probe) << 40 | i);
        if (scored.size() >= most) threshold = shrink(scored, k);
      }
    }
    shrink(scored, k);
    std::sort(scored.begin(), scored.end());
    for (size_t i = 0; i < k; i++) {
      if (i >= scored.size()) {
        distances[i] = l2_ ? FLT_MAX : -FLT_MAX;
        labels[i] = -1;
        continue;
      }
      const auto [score, place] = scored[i];
      distances[i] = l2_ ? score : -score;
      labels[i] = lists_.ids[near[place >> 40].second][place & ((uint64_t{1} << 40) - 1)];
    }
  }

  const faiss::IndexIVFFlat& index_;
  const faiss::IndexFlat& centroids_;
  const faiss::ArrayInvertedLists& lists_;
  size_t d_;
  bool l2_;
};

}  // namespace merlon

/**
 * Exact search of a flat index in two steps. Each vector is kept a second time in 8 bits per number, a quarter of the memory to read:
 * searches are bound by memory. Their products differ by no more than Cauchy and Schwarz allow (|rounding| x |other|). Every vector that
 * may be among the best is thus known, and those few, about twice k, are compared in full. Answers are what a whole scan gives.
 *
 * Several queries are answered in one pass.
 */
#pragma once

#include <faiss/MetricType.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "dots.h"

namespace merlon {

using faiss::idx_t;

/** One query, rounded. */
struct Rounded {
  float scale = 0;
  float norm = 0;
  /** Length of the rounding error, and the error of sums of floats. */
  float error = 0;
  /** Added to every error. */
  float slack = 0;
  int32_t bias = 0;
};

/** Vectors that may be among a query's best, and the k-th best lower bound so far. */
class Candidates {
 public:
  Candidates(size_t k, float least) : threshold(least), k_(k), most_(2 * k + 256) {}
  float threshold;
  std::vector<int32_t> rows;

  void add(int32_t row, float upper, float error) {
    rows.push_back(row);
    upper_.push_back(upper);
    lower_.push_back(upper - 2 * error);
    if (rows.size() >= most_) shrink();
  }
  /** Raises the threshold and drops what is below it; the order stays. */
  void shrink() {
    if (rows.size() < k_) return;
    sorted_ = lower_;
    std::nth_element(sorted_.begin(), sorted_.begin() + (k_ - 1), sorted_.end(), std::greater<float>());
    threshold = std::max(threshold, sorted_[k_ - 1]);
    size_t kept = 0;
    for (size_t i = 0; i < rows.size(); i++)
      if (upper_[i] >= threshold) {
        rows[kept] = rows[i];
        upper_[kept] = upper_[i];
        lower_[kept++] = lower_[i];
      }
    rows.resize(kept);
    upper_.resize(kept);
    lower_.resize(kept);
    // If the bounds exclude little, most rows stay: the next compaction must not follow after a few more.
    most_ = std::max(most_, kept + kept / 2 + k_);
  }

 private:
  size_t k_;
  size_t most_;
  std::vector<float> upper_, lower_, sorted_;
};

class FlatScan {
 public:
  /** @param vectors are not copied; they outlive this. @throws std::bad_alloc */
  FlatScan(const float* vectors, size_t count, size_t dimension, bool l2) : FlatScan(vectors, count, dimension, l2, nullptr) {
    memory_.reset(new uint8_t[size() + 64]);
    uint8_t* start = memory_.get() + (64 - reinterpret_cast<uintptr_t>(memory_.get()) % 64) % 64;
    data_ = start;
    first_ = start + sizeof(Head);
    // 128 is zero; rows and columns that fill up a block are zeros.
    std::memset(first_, 128, blocks() * stride_);
    Head head{};
    for (size_t row = 0; row < blocks() * LANES; row++) keep(row, head);
    std::memcpy(start, &head, sizeof head);
  }

  /** The codes of another scan of the same vectors, as `data()` has them. @throws std::invalid_argument for those of others */
  static std::unique_ptr<FlatScan> over(const float* vectors, size_t count, size_t dimension, bool l2, const uint8_t* data, size_t length) {
    std::unique_ptr<FlatScan> made(new FlatScan(vectors, count, dimension, l2, data));
    if (length != made->size() || reinterpret_cast<uintptr_t>(data) % 64 != 0) throw std::invalid_argument("these codes are of other vectors");
    return made;
  }

  /** Codes and facts of all vectors; they depend on the vectors alone. */
  const uint8_t* data() const { return data_; }
  size_t size() const { return sizeof(Head) + blocks() * stride_; }

  /** Whether every number is finite and no sum of them overflows. If not, FAISS itself searches. */
  bool usable() const { return head().unusable == 0; }

  /**
   * @param k at most the number of vectors, or of bits @param bits of the vectors that may be found, the lowest of a byte first; null for all
   * @returns false where bounds of a query overflow: another search has to write all
   */
  bool search(size_t queries, const float* asked, size_t k, float* distances, idx_t* labels, const std::vector<uint8_t>* bits = nullptr) const {
    for (size_t i = 0; i < queries; i++)
      if (!(length(asked + i * d_) * (head().largest + length(asked + i * d_)) < FLT_MAX / 16)) return false;
    for (size_t first = 0; first < queries; first += QUERIES) {
      const size_t n = std::min<size_t>(QUERIES, queries - first);
      if (!pass(n, asked + first * d_, k, distances + first * k, labels + first * k, bits)) return false;
    }
    return true;
  }

 private:
  /** A cache line before the codes. */
  struct Head {
    double largest;
    uint64_t unusable;
    uint64_t rest[6];
  };

  FlatScan(const float* vectors, size_t count, size_t dimension, bool l2, const uint8_t* data)
      : vectors_(vectors), count_(count), d_(dimension), groups_((dimension + 3) / 4), l2_(l2), data_(data) {
    stride_ = groups_ * 4 * LANES + 4 * LANES * sizeof(float);
    // Written by the constructor of a scan that has memory of its own.
    if (data != nullptr) first_ = const_cast<uint8_t*>(data) + sizeof(Head);
  }

  size_t blocks() const { return (count_ + LANES - 1) / LANES; }
  const Head& head() const { return *reinterpret_cast<const Head*>(data_); }

  /** Data of each block after its codes: LANES scales, lengths of rounding errors, lengths, and (L2) squared lengths. */
  float* facts(size_t block) const { return reinterpret_cast<float*>(first_ + block * stride_ + groups_ * 4 * LANES); }

  double length(const float* x) const {
    double sum = 0;
    for (size_t i = 0; i < d_; i++) sum += static_cast<double>(x[i]) * x[i];
    return std::sqrt(sum);
  }

  static float largestOf(const float* x, size_t n) {
    float most = 0;
    for (size_t i = 0; i < n; i++) most = std::max(most, std::fabs(x[i]));
    return most;
  }

  /** A scale below the smallest normal float is rounded so much that codes would leave their range. */
  static int codeOf(float x, float scale, int most) {
    return scale > 0 ? std::clamp(static_cast<int>(std::lrintf(x / scale)), -most, most) : 0;
  }

  void keep(size_t row, Head& head) {
    const size_t block = row / LANES, lane = row % LANES;
    float* of = facts(block) + lane;
    for (int i = 0; i < 4; i++) of[i * LANES] = 0;
    if (row >= count_) return;
    const float* x = vectors_ + row * d_;
    const double norm = length(x);
    if (!(norm * norm < FLT_MAX / 16)) {
      head.unusable = 1;
      return;
    }
    head.largest = std::max(head.largest, norm);
    const float scale = largestOf(x, d_) / 127;
    double off = 0, kept = 0;
    uint8_t* codes = first_ + block * stride_;
    for (size_t i = 0; i < d_; i++) {
      const int code = codeOf(x[i], scale, 127);
      const double now = static_cast<double>(scale) * code;
      off += (x[i] - now) * (x[i] - now);
      kept += now * now;
      codes[(i / 4) * 4 * LANES + lane * 4 + i % 4] = static_cast<uint8_t>(code + 128);
    }
    of[0] = scale;
    of[LANES] = static_cast<float>(std::sqrt(off) * (1 + 1e-6));
    of[2 * LANES] = static_cast<float>(std::max(norm, std::sqrt(kept)) * (1 + 1e-6));
    of[3 * LANES] = l2_ ? static_cast<float>(norm * norm) : 0;
  }

  /** Codes go to every `width`-th group of four, so that those of all queries lie together. */
  Rounded round(const float* q, int32_t* codes, size_t width) const {
    Rounded made;
    const int most = dotKernel().most;
    const float scale = largestOf(q, d_) / most;
    double off = 0, sum = 0;
    for (size_t group = 0; group < groups_; group++) {
      int8_t four[4] = {0, 0, 0, 0};
      for (size_t i = group * 4; i < std::min(d_, group * 4 + 4); i++) {
        const int code = codeOf(q[i], scale, most);
        const double lost = q[i] - static_cast<double>(scale) * code;
        four[i % 4] = static_cast<int8_t>(code);
        off += lost * lost;
        sum += code;
      }
      std::memcpy(codes + group * width, four, 4);
    }
    const double norm = length(q);
    // 2 q.x - |x|^2 orders as |q - x|^2 does, backwards.
    const double twice = l2_ ? 2 : 1;
    made.scale = static_cast<float>(scale * twice);
    made.norm = static_cast<float>(norm * twice * (1 + 1e-6));
    made.error = static_cast<float>((std::sqrt(off) + lost() * norm) * twice * (1 + 1e-6));
    made.slack = l2_ ? static_cast<float>(2 * lost() * norm * norm) : FLT_MIN;
    made.bias = static_cast<int32_t>(128 * sum);
    return made;
  }

  /** The maximum error of a sum of d products of floats, relative to the product of the lengths. */
  double lost() const { return 1e-6 + 1.2e-7 * static_cast<double>(d_); }

  /** Bits of the vectors of a block. */
  uint32_t lanesOf(size_t block, const std::vector<uint8_t>& bits) const {
    uint32_t set = 0;
    for (size_t i = 0; i < LANES / 8 && block * (LANES / 8) + i < bits.size(); i++)
      set |= static_cast<uint32_t>(bits[block * (LANES / 8) + i]) << (8 * i);
    return set;
  }

  bool pass(size_t n, const float* asked, size_t k, float* distances, idx_t* labels, const std::vector<uint8_t>* bits) const {
    size_t width = 1;
    while (width < n) width *= 2;
    std::vector<int32_t> codes(groups_ * width, 0);
    std::vector<Rounded> rounded(width);
    std::vector<Candidates> found;
    for (size_t q = 0; q < n; q++) {
      rounded[q] = round(asked + q * d_, codes.data() + q, width);
      found.emplace_back(k, -std::numeric_limits<float>::infinity());
    }
    const DotKernel& kernel = dotKernel();
    const float squareError = l2_ ? static_cast<float>(2 * lost()) : 0;
    alignas(64) int32_t dots[QUERIES * LANES];
    for (size_t block = 0; block * LANES < count_; block++) {
      const size_t left = count_ - block * LANES;
      const uint32_t real = (left < LANES ? (1u << left) - 1 : ~0u) & (bits == nullptr ? ~0u : lanesOf(block, *bits));
      if (real == 0) continue;
      kernel.dots[width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3](first_ + block * stride_, codes.data(), groups_, dots);
      const float* of = facts(block);
      for (size_t q = 0; q < n; q++) {
        alignas(64) float upper[LANES], error[LANES];
        const Rounded& by = rounded[q];
        Candidates& to = found[q];
        const Bounds bounds{by.scale, by.norm, by.error, squareError, by.slack, by.bias, to.threshold};
        uint32_t reached = kernel.bounds(dots + q * LANES, of, bounds, upper, error) & real;
        for (; reached != 0; reached &= reached - 1) {
          const int i = __builtin_ctz(reached);
          to.add(static_cast<int32_t>(block * LANES + i), upper[i], error[i]);
        }
      }
    }
    for (size_t q = 0; q < n; q++) {
      found[q].shrink();
      // A bound that is not a number excludes its vector.
      if (found[q].rows.size() < k) return false;
      best(found[q].rows, asked + q * d_, k, distances + q * k, labels + q * k);
    }
    return true;
  }

  /**
   * If distances are equal, the first in the index wins. FAISS's own order of them depends on k for inner products, and a result must not
   * depend on the other queries.
   */
  void best(const std::vector<int32_t>& rows, const float* q, size_t k, float* distances, idx_t* labels) const {
    const DotKernel& kernel = dotKernel();
    const size_t ahead = 8;
    std::vector<std::pair<float, int32_t>> scored(rows.size());
    for (size_t i = 0; i < rows.size(); i++) {
      if (i + ahead < rows.size()) {
        const char* next = reinterpret_cast<const char*>(vectors_ + static_cast<size_t>(rows[i + ahead]) * d_);
        for (size_t at = 0; at < d_ * sizeof(float) && at < 512; at += 64) __builtin_prefetch(next + at);
      }
      const float* x = vectors_ + static_cast<size_t>(rows[i]) * d_;
      scored[i] = {l2_ ? kernel.squares(q, x, d_) : -kernel.product(q, x, d_), rows[i]};
    }
    std::nth_element(scored.begin(), scored.begin() + (k - 1), scored.end());
    std::sort(scored.begin(), scored.begin() + k);
    for (size_t i = 0; i < k; i++) {
      distances[i] = l2_ ? scored[i].first : -scored[i].first;
      labels[i] = scored[i].second;
    }
  }

  const float* vectors_;
  size_t count_, d_, groups_;
  bool l2_;
  size_t stride_ = 0;
  std::unique_ptr<uint8_t[]> memory_;
  const uint8_t* data_ = nullptr;
  uint8_t* first_ = nullptr;
};

}  // namespace merlon

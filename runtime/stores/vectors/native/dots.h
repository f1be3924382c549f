/**
 * The loops over vectors for exact search, compiled for several processors. The best one for this processor is selected at the first use.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace merlon {

/** Vectors of a block, and queries of one pass over them. */
constexpr size_t LANES = 16;
constexpr size_t QUERIES = 8;

/** The constant part of a query's bounds. */
struct Bounds {
  float scale, norm, error, squareError, slack;
  int32_t bias;
  float threshold;
};

struct DotKernel {
  /** Whether a scan by it is faster than FAISS. */
  bool fast;
  /** The largest code of a query: sums of two products of codes must fit where they are summed. */
  int most;
  /** Products of a block's LANES vectors with 1, 2, 4, 8 queries, whose codes lie group by group, to `out[query * LANES + lane]`. */
  void (*dots[4])(const uint8_t* block, const int32_t* codes, size_t groups, int32_t* out);
  /**
   * Upper bounds of the scores of LANES vectors, with half the distance to the lower ones, written where one reaches the threshold.
   * @returns a bit for each that does
   */
  uint32_t (*bounds)(const int32_t* dots, const float* facts, const Bounds& by, float* upper, float* error);
  float (*product)(const float* a, const float* b, size_t d);
  float (*squares)(const float* a, const float* b, size_t d);
  /** The same of `a` with each of n vectors. */
  void (*productsOfRows)(const float* a, const float* rows, size_t n, size_t d, float* out);
  void (*squaresOfRows)(const float* a, const float* rows, size_t n, size_t d, float* out);
};

#define MERLON_INLINE inline __attribute__((always_inline))

template <size_t Q>
MERLON_INLINE void anyDots(const uint8_t* block, const int32_t* codes, size_t groups, int32_t* out) {
  for (size_t i = 0; i < Q * LANES; i++) out[i] = 0;
  for (size_t group = 0; group < groups; group++)
    for (size_t q = 0; q < Q; q++) {
      int8_t four[4];
      std::memcpy(four, codes + group * Q + q, 4);
      const uint8_t* x = block + group * 4 * LANES;
      for (size_t lane = 0; lane < LANES; lane++)
        for (size_t i = 0; i < 4; i++) out[q * LANES + lane] += static_cast<int32_t>(x[lane * 4 + i]) * four[i];
    }
}

MERLON_INLINE uint32_t anyBounds(const int32_t* dots, const float* facts, const Bounds& by, float* upper, float* error) {
  uint32_t reached = 0;
  for (size_t i = 0; i < LANES; i++) {
    const float square = facts[3 * LANES + i];
    const float score = facts[i] * by.scale * static_cast<float>(dots[i] - by.bias) - square;
    error[i] = facts[LANES + i] * by.norm + facts[2 * LANES + i] * by.error + square * by.squareError + by.slack;
    upper[i] = score + error[i];
    reached |= static_cast<uint32_t>(upper[i] >= by.threshold) << i;
  }
  return reached;
}

/** Sums side by side: one alone would wait for itself at every number. */
template <bool SQUARES>
MERLON_INLINE float anySum(const float* a, const float* b, size_t d) {
  float sums[LANES] = {};
  size_t i = 0;
  for (; i + LANES <= d; i += LANES)
    for (size_t lane = 0; lane < LANES; lane++) {
      const float x = a[i + lane], y = b[i + lane];
      sums[lane] += SQUARES ? (x - y) * (x - y) : x * y;
    }
  for (; i < d; i++) sums[i % LANES] += SQUARES ? (a[i] - b[i]) * (a[i] - b[i]) : a[i] * b[i];
  for (size_t width = LANES / 2; width > 0; width /= 2)
    for (size_t lane = 0; lane < width; lane++) sums[lane] += sums[lane + width];
  return sums[0];
}

#define MERLON_SUMS(NAME, TARGET)                                                                                \
  TARGET inline float product##NAME(const float* a, const float* b, size_t d) { return anySum<false>(a, b, d); } \
  TARGET inline float squares##NAME(const float* a, const float* b, size_t d) { return anySum<true>(a, b, d); }  \
  TARGET inline void products##NAME(const float* a, const float* b, size_t n, size_t d, float* out) {            \
    for (size_t i = 0; i < n; i++) out[i] = anySum<false>(a, b + i * d, d);                                      \
  }                                                                                                              \
  TARGET inline void allSquares##NAME(const float* a, const float* b, size_t n, size_t d, float* out) {          \
    for (size_t i = 0; i < n; i++) out[i] = anySum<true>(a, b + i * d, d);                                       \
  }

MERLON_SUMS(Plain, )
inline uint32_t boundsPlain(const int32_t* dots, const float* facts, const Bounds& by, float* upper, float* error) {
  return anyBounds(dots, facts, by, upper, error);
}
template <size_t Q>
void dotsPlain(const uint8_t* block, const int32_t* codes, size_t groups, int32_t* out) {
  anyDots<Q>(block, codes, groups, out);
}

#define MERLON_KERNEL(NAME, FAST, MOST) \
  {FAST, MOST, {dots##NAME<1>, dots##NAME<2>, dots##NAME<4>, dots##NAME<8>}, bounds##NAME, product##NAME, squares##NAME, products##NAME, allSquares##NAME}

#if defined(__x86_64__)
#define MERLON_AVX2 __attribute__((target("avx2,fma")))
#define MERLON_AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

MERLON_SUMS(Avx2, MERLON_AVX2)
MERLON_AVX2 inline uint32_t boundsAvx2(const int32_t* dots, const float* facts, const Bounds& by, float* upper, float* error) {
  uint32_t reached = 0;
  for (size_t at = 0; at < LANES; at += 8) {
    const __m256 square = _mm256_load_ps(facts + 3 * LANES + at);
    const __m256i code = _mm256_sub_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(dots + at)), _mm256_set1_epi32(by.bias));
    const __m256 scale = _mm256_mul_ps(_mm256_load_ps(facts + at), _mm256_set1_ps(by.scale));
    __m256 off = _mm256_fmadd_ps(_mm256_load_ps(facts + LANES + at), _mm256_set1_ps(by.norm), _mm256_set1_ps(by.slack));
    off = _mm256_fmadd_ps(_mm256_load_ps(facts + 2 * LANES + at), _mm256_set1_ps(by.error), off);
    off = _mm256_fmadd_ps(square, _mm256_set1_ps(by.squareError), off);
    const __m256 most = _mm256_add_ps(_mm256_fmsub_ps(scale, _mm256_cvtepi32_ps(code), square), off);
    _mm256_store_ps(upper + at, most);
    _mm256_store_ps(error + at, off);
    reached |= static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(most, _mm256_set1_ps(by.threshold), _CMP_GE_OQ))) << at;
  }
  return reached;
}
/** 255 x 63 x 2 fits 16 bits: hence the smaller codes. */
template <size_t Q>
MERLON_AVX2 void dotsAvx2(const uint8_t* block, const int32_t* codes, size_t groups, int32_t* out) {
  const __m256i ones = _mm256_set1_epi16(1);
  for (size_t half = 0; half < 2; half++) {
    __m256i sums[Q];
    for (size_t q = 0; q < Q; q++) sums[q] = _mm256_setzero_si256();
    for (size_t group = 0; group < groups; group++) {
      const __m256i x = _mm256_load_si256(reinterpret_cast<const __m256i*>(block + group * 4 * LANES + half * 32));
      for (size_t q = 0; q < Q; q++) {
        const __m256i pairs = _mm256_maddubs_epi16(x, _mm256_set1_epi32(codes[group * Q + q]));
        sums[q] = _mm256_add_epi32(sums[q], _mm256_madd_epi16(pairs, ones));
      }
    }
    for (size_t q = 0; q < Q; q++)
      _mm256_store_si256(reinterpret_cast<__m256i*>(out + q * LANES + half * 8), sums[q]);
  }
}

MERLON_SUMS(Avx512, MERLON_AVX512)
MERLON_AVX512 inline uint32_t boundsAvx512(const int32_t* dots, const float* facts, const Bounds& by, float* upper, float* error) {
  const __m512 square = _mm512_load_ps(facts + 3 * LANES);
  const __m512 code = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_load_si512(dots), _mm512_set1_epi32(by.bias)));
  const __m512 scale = _mm512_mul_ps(_mm512_load_ps(facts), _mm512_set1_ps(by.scale));
  __m512 off = _mm512_fmadd_ps(_mm512_load_ps(facts + LANES), _mm512_set1_ps(by.norm), _mm512_set1_ps(by.slack));
  off = _mm512_fmadd_ps(_mm512_load_ps(facts + 2 * LANES), _mm512_set1_ps(by.error), off);
  off = _mm512_fmadd_ps(square, _mm512_set1_ps(by.squareError), off);
  const __m512 most = _mm512_add_ps(_mm512_fmsub_ps(scale, code, square), off);
  const uint32_t reached = _mm512_cmp_ps_mask(most, _mm512_set1_ps(by.threshold), _CMP_GE_OQ);
  if (reached == 0) return 0;
  _mm512_store_ps(upper, most);
  _mm512_store_ps(error, off);
  return reached;
}
template <size_t Q>
MERLON_AVX512 void dotsAvx512(const uint8_t* block, const int32_t* codes, size_t groups, int32_t* out) {
  __m512i sums[Q];
  for (size_t q = 0; q < Q; q++) sums[q] = _mm512_setzero_si512();
  for (size_t group = 0; group < groups; group++) {
    const __m512i x = _mm512_load_si512(block + group * 4 * LANES);
    for (size_t q = 0; q < Q; q++) sums[q] = _mm512_dpbusd_epi32(sums[q], x, _mm512_set1_epi32(codes[group * Q + q]));
  }
  for (size_t q = 0; q < Q; q++) _mm512_store_si512(out + q * LANES, sums[q]);
}
#endif

/** `MERLON_SIMD=avx2` or `none` selects a lesser one: tests run each. */
inline const DotKernel& dotKernel() {
  static const std::string asked = std::getenv("MERLON_SIMD") == nullptr ? "" : std::getenv("MERLON_SIMD");
  static const DotKernel plain = MERLON_KERNEL(Plain, asked == "none", 127);
#if defined(__x86_64__)
  static const DotKernel avx2 = MERLON_KERNEL(Avx2, true, 63);
  static const DotKernel avx512 = MERLON_KERNEL(Avx512, true, 127);
  static const DotKernel& best = []() -> const DotKernel& {
    if (asked == "none") return plain;
    if (asked != "avx2" && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
      return avx512;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? avx2 : plain;
  }();
  return best;
#else
  return plain;
#endif
}

}  // namespace merlon

/* Packed integers and floats of SSE2. */
#include "bench.h"
#include <emmintrin.h>

#define PIXELS 16384

static uint8_t first[PIXELS] __attribute__((aligned(16))), second[PIXELS] __attribute__((aligned(16))),
    blended[PIXELS] __attribute__((aligned(16)));

void prepare_packed_int(void) {
  uint32_t seed = 11;
  for (int i = 0; i < PIXELS; i++) {
    first[i] = (uint8_t)next_random(&seed);
    second[i] = (uint8_t)next_random(&seed);
    blended[i] = 0;
  }
}

/* Two pictures are blended, brightened where they differ much, and compared with the last result. */
uint32_t packed_int(uint32_t count) {
  const __m128i zero = _mm_setzero_si128();
  __m128i differences = zero, products = zero;
  while (count--) {
    const __m128i weight = _mm_set1_epi16((short)(count & 255));
    const __m128i rest = _mm_sub_epi16(_mm_set1_epi16(256), weight);
    for (int i = 0; i < PIXELS; i += 16) {
      __m128i a = _mm_load_si128((const __m128i *)(first + i));
      __m128i b = _mm_loadu_si128((const __m128i *)(second + i));
      __m128i low = _mm_add_epi16(_mm_mullo_epi16(_mm_unpacklo_epi8(a, zero), weight),
                                  _mm_mullo_epi16(_mm_unpacklo_epi8(b, zero), rest));
      __m128i high = _mm_add_epi16(_mm_mullo_epi16(_mm_unpackhi_epi8(a, zero), weight),
                                   _mm_mullo_epi16(_mm_unpackhi_epi8(b, zero), rest));
      __m128i mixed = _mm_packus_epi16(_mm_srli_epi16(low, 8), _mm_srli_epi16(high, 8));
      __m128i apart = _mm_or_si128(_mm_subs_epu8(a, b), _mm_subs_epu8(b, a));
      __m128i large = _mm_cmpgt_epi8(apart, _mm_set1_epi8(64));
      mixed = _mm_adds_epu8(mixed, _mm_and_si128(large, _mm_set1_epi8(16)));
      __m128i old = _mm_load_si128((const __m128i *)(blended + i));
      differences = _mm_add_epi64(differences, _mm_sad_epu8(mixed, old));
      products = _mm_add_epi32(products, _mm_madd_epi16(low, _mm_shuffle_epi32(high, 0x4e)));
      _mm_store_si128((__m128i *)(blended + i), mixed);
    }
  }
  uint32_t sum = mix_bytes(0, &differences, sizeof differences);
  return mix_bytes(mix_bytes(sum, &products, sizeof products), blended, PIXELS);
}

/* The Mandelbrot set, four points at a time. */
static __m128i escape(__m128 x, __m128 y) {
  const __m128 four = _mm_set1_ps(4);
  __m128 a = _mm_setzero_ps(), b = a;
  __m128i steps = _mm_setzero_si128();
  for (int i = 0; i < 50; i++) {
    __m128 aa = _mm_mul_ps(a, a), bb = _mm_mul_ps(b, b), ab = _mm_mul_ps(a, b);
    __m128 inside = _mm_cmplt_ps(_mm_add_ps(aa, bb), four);
    if (_mm_movemask_ps(inside) == 0) break;
    steps = _mm_sub_epi32(steps, _mm_castps_si128(inside));
    a = _mm_min_ps(_mm_add_ps(_mm_sub_ps(aa, bb), x), _mm_set1_ps(1e6f));
    b = _mm_add_ps(_mm_add_ps(ab, ab), y);
  }
  return steps;
}

uint32_t packed_float(uint32_t count) {
  __m128i steps = _mm_setzero_si128();
  __m128 total = _mm_setzero_ps();
  while (count--) {
    __m128 y = _mm_set1_ps((float)(count & 63) * 0.03f - 1);
    for (int column = 0; column < 64; column += 4) {
      __m128i place = _mm_add_epi32(_mm_set1_epi32(column), _mm_setr_epi32(0, 1, 2, 3));
      __m128 x = _mm_sub_ps(_mm_mul_ps(_mm_cvtepi32_ps(place), _mm_set1_ps(0.04f)), _mm_set1_ps(2));
      __m128i found = escape(x, y);
      steps = _mm_add_epi32(steps, found);
      total = _mm_add_ps(total, _mm_div_ps(x, _mm_sqrt_ps(_mm_cvtepi32_ps(_mm_add_epi32(found, _mm_set1_epi32(1))))));
    }
  }
  return mix_bytes(mix_bytes(0, &steps, sizeof steps), &total, sizeof total);
}

/* Cold code: 4096 functions, all different, about a megabyte; each is run `count` times. */
#include "bench.h"

/* M(0) to M(4095), as hexadecimal numbers pasted together. */
#define EACH_16(M, n)                                                                              \
  M(n##0) M(n##1) M(n##2) M(n##3) M(n##4) M(n##5) M(n##6) M(n##7)                                  \
  M(n##8) M(n##9) M(n##a) M(n##b) M(n##c) M(n##d) M(n##e) M(n##f)
#define EACH_256(M, n)                                                                             \
  EACH_16(M, n##0) EACH_16(M, n##1) EACH_16(M, n##2) EACH_16(M, n##3) EACH_16(M, n##4)             \
  EACH_16(M, n##5) EACH_16(M, n##6) EACH_16(M, n##7) EACH_16(M, n##8) EACH_16(M, n##9)             \
  EACH_16(M, n##a) EACH_16(M, n##b) EACH_16(M, n##c) EACH_16(M, n##d) EACH_16(M, n##e) EACH_16(M, n##f)
#define EACH_4096(M, n)                                                                            \
  EACH_256(M, n##0) EACH_256(M, n##1) EACH_256(M, n##2) EACH_256(M, n##3) EACH_256(M, n##4)        \
  EACH_256(M, n##5) EACH_256(M, n##6) EACH_256(M, n##7) EACH_256(M, n##8) EACH_256(M, n##9)        \
  EACH_256(M, n##a) EACH_256(M, n##b) EACH_256(M, n##c) EACH_256(M, n##d) EACH_256(M, n##e) EACH_256(M, n##f)

static uint32_t notes[1024];

/* Arithmetic, loads, stores, two-way branches and a short loop; the constants come from n. */
#define COLD(n)                                                                                    \
  static NO_INLINE uint32_t cold_##n(uint32_t x, uint32_t y) {                                     \
    uint32_t *note = &notes[n & 1023];                                                             \
    x += (n * 0x9e3779b1u);                                                                        \
    if (x & 1u << (n & 31)) x ^= y + *note;                                                        \
    else y = (y << (n % 30 + 1) | y >> (31 - n % 30)) - x;                                         \
    if ((int32_t)(x - y) < (n - 2048) * 0x7777) *note += x;                                        \
    else notes[(n * 5) & 1023] ^= y;                                                               \
    for (int i = 0; i < (int)(n % 3); i++) x = x * (2 * n + 1) + notes[y >> 22];                       \
    switch (n & 3) {                                                                               \
      case 0: y -= x >> (n % 7); break;                                                            \
      case 1: x = (uint32_t)(((uint64_t)x * (y | 1)) >> 16); break;                                \
      case 2: if ((uint8_t)x > (n & 255)) y ^= n; break;                                           \
      default: *note = (uint16_t)x + (y >> 16);                                                    \
    }                                                                                              \
    return x ^ y;                                                                                  \
  }
EACH_4096(COLD, 0x)

#define NAME(n) cold_##n,
static uint32_t (*const functions[4096])(uint32_t, uint32_t) = {EACH_4096(NAME, 0x)};

uint32_t cold_code(uint32_t count) {
  uint32_t sum = 1;
  for (size_t i = 0; i < 1024; i++) notes[i] = 0;
  while (count--)
    for (uint32_t i = 0; i < 4096; i++) sum = mix(sum, functions[i * 1365 & 4095](sum, i));
  return sum;
}

/* Integer work: sorting, SHA-256, arithmetic on 64 bits in 32-bit registers, division. */
#include "bench.h"
#include <stdlib.h>
#include <sys/mman.h>

#define SORTED 32768

static uint32_t *numbers;

void prepare_int_sort(void) {
  if (!numbers) numbers = pages(SORTED * sizeof *numbers, PROT_READ | PROT_WRITE);
}

static void quick_sort(uint32_t *low, uint32_t *high) {
  while (high - low > 12) {
    uint32_t pivot = low[(high - low) / 2], *left = low - 1, *right = high;
    for (;;) {
      do left++;
      while (*left < pivot);
      do right--;
      while (*right > pivot);
      if (left >= right) break;
      uint32_t held = *left;
      *left = *right;
      *right = held;
    }
    quick_sort(low, right + 1);
    low = right + 1;
  }
  for (uint32_t *at = low + 1; at < high; at++) {
    uint32_t held = *at, *hole = at;
    for (; hole > low && hole[-1] > held; hole--) *hole = hole[-1];
    *hole = held;
  }
}

uint32_t int_sort(uint32_t count) {
  uint32_t seed = 1, sum = 0;
  while (count--) {
    for (int i = 0; i < SORTED; i++) numbers[i] = next_random(&seed);
    quick_sort(numbers, numbers + SORTED);
    for (int i = 0; i < SORTED; i += 64) sum = mix(sum, numbers[i]);
  }
  return sum;
}

/* SHA-256 (FIPS 180-4). The constants are the first 32 bits of the fractional parts of the cube roots
 * of the first 64 primes, and for the initial hash of the square roots of the first 8. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
static const uint32_t H[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static uint8_t message[65536];

void prepare_sha256(void) {
  uint32_t seed = 2;
  for (size_t i = 0; i < sizeof message; i++) message[i] = (uint8_t)next_random(&seed);
}

static uint32_t rotate(uint32_t value, int by) {
  return value >> by | value << (32 - by);
}

static void sha256_block(uint32_t hash[8], const uint8_t *block) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++, block += 4)
    w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
  for (int i = 16; i < 64; i++) {
    uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  for (int i = 0; i < 8; i++) s[i] = hash[i];
  for (int i = 0; i < 64; i++) {
    uint32_t sum1 = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
    uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    uint32_t t1 = s[7] + sum1 + choice + K[i] + w[i];
    uint32_t sum0 = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
    uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    for (int j = 7; j > 0; j--) s[j] = s[j - 1];
    s[4] += t1;
    s[0] = t1 + sum0 + majority;
  }
  for (int i = 0; i < 8; i++) hash[i] += s[i];
}

/* The message is a whole number of blocks, without padding: the work is the same. */
uint32_t sha256(uint32_t count) {
  uint32_t hash[8];
  for (int i = 0; i < 8; i++) hash[i] = H[i];
  while (count--)
    for (size_t at = 0; at < sizeof message; at += 64) sha256_block(hash, message + at);
  return hash[0];
}

/* Additions, subtractions, shifts, comparisons of 64 bits. */
uint32_t int64(uint32_t count) {
  uint64_t a = 0x0123456789abcdef, b = 0xfedcba9876543210, c = 1;
  while (count--) {
    for (int i = 0; i < 1000; i++) {
      a += b ^ c;
      b = (b << 13 | b >> 51) - a;
      c = (c ^ a >> 7) + (b << 3);
      if ((int64_t)a < (int64_t)b) c -= 0x100000001;
    }
  }
  return (uint32_t)(a ^ a >> 32 ^ b ^ c);
}

/* Products of 64 bits, and a linear congruential generator with the upper half of its products. */
uint32_t multiply64(uint32_t count) {
  uint64_t a = 88172645463325252, sum = 0;
  while (count--) {
    for (int i = 0; i < 1000; i++) {
      a = a * 6364136223846793005 + 1442695040888963407;
      sum += (uint64_t)(uint32_t)(a >> 32) * (uint32_t)sum;
      sum ^= (uint64_t)((int64_t)(int32_t)a * (int32_t)(a >> 32));
    }
  }
  return (uint32_t)(sum ^ sum >> 32);
}

/* Divisions of 32 bits, signed and unsigned, and of 64 bits by 32. */
uint32_t divide(uint32_t count) {
  uint32_t seed = 3, sum = 0;
  while (count--) {
    for (int i = 0; i < 1000; i++) {
      uint32_t n = next_random(&seed), d = (n >> 7 & 0xffff) + 1;
      sum += n / d + (uint32_t)((int32_t)(n ^ sum) % (int32_t)d);
      uint32_t low = sum, high = n % d;
      __asm__("divl %2" : "+a"(low), "+d"(high) : "rm"(d) : "cc");
      sum ^= low + high;
    }
  }
  return sum;
}

/* What the files of the benchmark program share. Each test is `run(count)`, which repeats its work
 * `count` times and returns a checksum that is the same on every correct computer. `prepare` makes its
 * data before the time is taken. The names stand in tests.def; how often each test is repeated is
 * decided outside, in tools/peers/tests.ts. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#define NO_INLINE __attribute__((noinline, noclone))
/* A function that begins a page of its own. */
#define OWN_PAGE __attribute__((noinline, noclone, aligned(4096)))

struct test {
  const char *name;
  void (*prepare)(void);
  uint32_t (*run)(uint32_t count);
};

/* One of Marsaglia's xorshift generators: period 2^32 - 1, never 0. */
static inline uint32_t next_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

/* Takes 32 bits up into a checksum. */
static inline uint32_t mix(uint32_t sum, uint32_t value) {
  return (sum ^ value) * 16777619u;
}

uint32_t mix_bytes(uint32_t sum, const void *data, size_t length);

/* Ends the program with a message and the reason of errno. */
void fail(const char *what) __attribute__((noreturn));

/* Fresh memory, zeroed, on a page border. `rights` are those of mmap. */
void *pages(size_t bytes, int rights);

/* Gives back the large memory that earlier tests have prepared. */
void release_memory(void);

#endif

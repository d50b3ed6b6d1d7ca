/* Code written at run time: fresh routines as a compiler makes them, and one instruction patched
 * over and over. */
#include "bench.h"
#include <string.h>
#include <sys/mman.h>

#define ARENA 65536
#define ROUTINE 1024

static uint8_t *arena;

void prepare_code(void) {
  if (!arena) arena = pages(ARENA, PROT_READ | PROT_WRITE | PROT_EXEC);
  memset(arena, 0xcc, ARENA);
}

typedef uint32_t routine(uint32_t);

static uint8_t *emit(uint8_t *at, const void *bytes, size_t length) {
  memcpy(at, bytes, length);
  return at + length;
}

/* mov eax, [esp+4]; then eight times: add, xor, imul with a constant, rol; ret. */
static void write_routine(uint8_t *at, uint32_t *seed) {
  at = emit(at, "\x8b\x44\x24\x04", 4);
  for (int i = 0; i < 8; i++) {
    const uint32_t a = next_random(seed), b = next_random(seed), c = next_random(seed) | 1;
    const uint8_t by = (uint8_t)(a >> 8 & 31);
    at = emit(at, "\x05", 1);
    at = emit(at, &a, 4);
    at = emit(at, "\x35", 1);
    at = emit(at, &b, 4);
    at = emit(at, "\x69\xc0", 2);
    at = emit(at, &c, 4);
    at = emit(at, "\xc1\xc0", 2);
    at = emit(at, &by, 1);
  }
  emit(at, "\xc3", 1);
}

/* A fresh routine, run 500 times, at the next of 64 places. */
uint32_t written_code(uint32_t count) {
  uint32_t seed = 9, sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *place = arena + i % (ARENA / ROUTINE) * ROUTINE;
    write_routine(place, &seed);
    routine *function = (routine *)(uintptr_t)place;
    for (int j = 0; j < 500; j++) sum = function(sum);
  }
  return sum;
}

/* The constant of `mov eax, constant` changes before each of `count` times 100 calls. */
uint32_t patched_code(uint32_t count) {
  static const uint8_t text[] = {0xb8, 0, 0, 0, 0, 0x33, 0x44, 0x24, 0x04, 0xd1, 0xc0, 0xc3};
  uint32_t sum = 0;
  memcpy(arena, text, sizeof text);
  routine *function = (routine *)(uintptr_t)arena;
  for (uint32_t i = 0; i < count * 100; i++) {
    memcpy(arena + 1, &i, 4);
    __asm__ volatile("" : : : "memory");
    sum = function(sum) + i;
  }
  return sum;
}

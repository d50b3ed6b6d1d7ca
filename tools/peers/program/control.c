/* Flow of control: an interpreter of byte code, calls near, far apart and through pointers. */
#include "bench.h"
#include <string.h>

/* A machine of 16 registers and a byte memory; an instruction is four bytes. */
enum { SET, ADD, SUB, MUL, AND, SHR, LOAD, STORE, JUMP, IF_LESS, IF_ZERO, ADD_CONSTANT, HALT };

struct instruction {
  uint8_t code, a, b, c;
};

/* Counts the primes below 8000 with a sieve and mixes the count a little. */
static const struct instruction program[] = {
    {SET, 1, 2, 1},          /*  0: i = 2 */
    {SET, 2, 80, 100},       /*  1: limit = 80 * 100 */
    {SET, 3, 0, 0},          /*  2: primes = 0 */
    {SET, 4, 1, 1},          /*  3: one = 1 */
    {IF_LESS, 1, 2, 6},      /*  4: while i < limit: */
    {JUMP, 18, 0, 0},        /*  5 */
    {LOAD, 5, 1, 0},         /*  6:   is i composite? */
    {IF_ZERO, 5, 9, 0},      /*  7 */
    {JUMP, 16, 0, 0},        /*  8 */
    {ADD_CONSTANT, 3, 3, 1}, /*  9:   no: primes += 1 */
    {ADD, 6, 1, 1},          /* 10:   j = 2 i */
    {IF_LESS, 6, 2, 13},     /* 11:   while j < limit: */
    {JUMP, 16, 0, 0},        /* 12 */
    {STORE, 4, 6, 0},        /* 13:     j is composite */
    {ADD, 6, 6, 1},          /* 14:     j += i */
    {JUMP, 11, 0, 0},        /* 15 */
    {ADD_CONSTANT, 1, 1, 1}, /* 16:   i += 1 */
    {JUMP, 4, 0, 0},         /* 17 */
    {MUL, 7, 3, 3},          /* 18 */
    {SHR, 8, 7, 3},          /* 19 */
    {AND, 7, 7, 8},          /* 20 */
    {SUB, 0, 3, 7},          /* 21: the result */
    {HALT, 0, 0, 0},         /* 22 */
};

static uint8_t composite[8192];
static struct instruction code[sizeof program / sizeof *program];

/* In memory that may be written, so that the compiler cannot know the program. */
void prepare_byte_code(void) {
  memcpy(code, program, sizeof code);
}

static uint32_t interpret(const struct instruction *start) {
  uint32_t r[16] = {0};
  for (const struct instruction *at = start;;) {
    const struct instruction i = *at++;
    switch (i.code) {
      case SET: r[i.a] = (uint32_t)i.b * i.c; break;
      case ADD: r[i.a] = r[i.b] + r[i.c]; break;
      case SUB: r[i.a] = r[i.b] - r[i.c]; break;
      case MUL: r[i.a] = r[i.b] * r[i.c]; break;
      case AND: r[i.a] = r[i.b] & r[i.c]; break;
      case SHR: r[i.a] = r[i.b] >> (i.c & 31); break;
      case LOAD: r[i.a] = composite[r[i.b] & 8191]; break;
      case STORE: composite[r[i.b] & 8191] = (uint8_t)r[i.a]; break;
      case JUMP: at = start + i.a; break;
      case IF_LESS: if (r[i.a] < r[i.b]) at = start + i.c; break;
      case IF_ZERO: if (!r[i.a]) at = start + i.b; break;
      case ADD_CONSTANT: r[i.a] = r[i.b] + i.c; break;
      default: return r[0];
    }
  }
}

uint32_t byte_code(uint32_t count) {
  uint32_t sum = 0;
  while (count--) {
    memset(composite, 0, sizeof composite);
    sum = mix(sum, interpret(code));
  }
  return sum;
}

/* Recursion within one page. The sum keeps the compiler from making a loop of it. */
OWN_PAGE static uint32_t tree(uint32_t depth, uint32_t seed) {
  if (depth == 0) return seed * 5 + 1;
  uint32_t left = tree(depth - 1, seed + depth);
  return mix(left, tree(depth - 1, left >> 3));
}

uint32_t calls(uint32_t count) {
  uint32_t sum = 0;
  while (count--) sum = tree(14, sum);
  return sum;
}

/* A chain of functions, each on a page of its own; each calls the next one twice. */
#define LINK(name, next, factor)                    \
  OWN_PAGE static uint32_t name(uint32_t x) {       \
    uint32_t first = next(x * factor + 1);          \
    return first ^ next(first >> 5 ^ x);            \
  }

OWN_PAGE static uint32_t link0(uint32_t x) {
  return x * 9 + 7;
}
LINK(link1, link0, 3)
LINK(link2, link1, 5)
LINK(link3, link2, 7)
LINK(link4, link3, 9)
LINK(link5, link4, 11)
LINK(link6, link5, 13)
LINK(link7, link6, 15)
LINK(link8, link7, 17)
LINK(link9, link8, 19)
LINK(link10, link9, 21)

uint32_t calls_pages(uint32_t count) {
  uint32_t sum = 0;
  while (count--) sum = link10(sum);
  return sum;
}

/* Sixteen small functions called through a table in a random order. */
#define TARGET(n)                                    \
  static NO_INLINE uint32_t target##n(uint32_t x) {  \
    return (x ^ (n * 0x1234567u)) * (2 * n + 1) + n; \
  }
TARGET(0) TARGET(1) TARGET(2) TARGET(3) TARGET(4) TARGET(5) TARGET(6) TARGET(7)
TARGET(8) TARGET(9) TARGET(10) TARGET(11) TARGET(12) TARGET(13) TARGET(14) TARGET(15)

static uint32_t (*const targets[16])(uint32_t) = {
    target0, target1, target2, target3, target4, target5, target6, target7,
    target8, target9, target10, target11, target12, target13, target14, target15};
static uint8_t order[4096];

void prepare_calls_indirect(void) {
  uint32_t seed = 8;
  for (size_t i = 0; i < sizeof order; i++) order[i] = next_random(&seed) >> 8 & 15;
}

uint32_t calls_indirect(uint32_t count) {
  uint32_t sum = 0;
  while (count--)
    for (size_t i = 0; i < sizeof order; i++) sum = targets[order[i]](sum);
  return sum;
}

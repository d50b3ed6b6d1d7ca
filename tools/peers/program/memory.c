/* Memory: chains of pointers that fit the caches and that do not, string instructions. */
#include "bench.h"
#include <sys/mman.h>

/* A cache line with the address of the next one. */
struct node {
  struct node *next;
  uint32_t value;
  uint8_t rest[56];
};

#define NODES_IN_CACHE 256
#define NODES_IN_MEMORY (1 << 20)

static struct node *ring_in_cache, *ring_in_memory;

/* A fork copies the tables of all memory: what one test has used is not to weigh on the next. */
void release_memory(void) {
  if (ring_in_memory) munmap(ring_in_memory, NODES_IN_MEMORY * sizeof *ring_in_memory);
  ring_in_memory = 0;
}

/* Nodes linked to one ring in random order (Sattolo's algorithm). */
static struct node *make_ring(uint32_t nodes, uint32_t seed) {
  struct node *ring = pages(nodes * sizeof *ring, PROT_READ | PROT_WRITE);
  for (uint32_t i = 0; i < nodes; i++) {
    ring[i].next = &ring[i];
    ring[i].value = next_random(&seed);
  }
  for (uint32_t i = nodes - 1; i > 0; i--) {
    uint32_t j = next_random(&seed) % i;
    struct node *held = ring[i].next;
    ring[i].next = ring[j].next;
    ring[j].next = held;
  }
  return ring;
}

static uint32_t chase(const struct node *at, uint32_t steps) {
  uint32_t sum = 0;
  while (steps--) {
    sum += at->value;
    at = at->next;
  }
  return sum;
}

void prepare_chase_cache(void) {
  if (!ring_in_cache) ring_in_cache = make_ring(NODES_IN_CACHE, 4);
}

void prepare_chase_memory(void) {
  if (!ring_in_memory) ring_in_memory = make_ring(NODES_IN_MEMORY, 5);
}

uint32_t chase_cache(uint32_t count) {
  return chase(ring_in_cache, count * 1000);
}

uint32_t chase_memory(uint32_t count) {
  return chase(ring_in_memory, count * 1000);
}

#define BLOCK (1 << 20)

static uint8_t *from, *to;

void prepare_rep(void) {
  if (!from) {
    from = pages(BLOCK, PROT_READ | PROT_WRITE);
    to = pages(BLOCK, PROT_READ | PROT_WRITE);
  }
  uint32_t seed = 6;
  for (int i = 0; i < BLOCK; i++) from[i] = (uint8_t)next_random(&seed), to[i] = 0;
}

static void move_words(void *destination, const void *source, uint32_t words) {
  __asm__ volatile("rep movsl" : "+D"(destination), "+S"(source), "+c"(words) : : "memory");
}

static void move_bytes(void *destination, const void *source, uint32_t bytes) {
  __asm__ volatile("rep movsb" : "+D"(destination), "+S"(source), "+c"(bytes) : : "memory");
}

static void store_words(void *destination, uint32_t value, uint32_t words) {
  __asm__ volatile("rep stosl" : "+D"(destination), "+c"(words) : "a"(value) : "memory");
}

uint32_t rep_movs(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    uint32_t skip = i * 36 & 0xffc;
    move_words(to + skip, from, (BLOCK - skip) / 4);
  }
  return mix_bytes(0, to, 65536);
}

uint32_t rep_stos(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) store_words(to, i, BLOCK / 4);
  return mix_bytes(0, to, 65536);
}

/* Copies of 1 to 64 bytes, as structures and short strings are copied. */
uint32_t rep_short(uint32_t count) {
  uint32_t seed = 7;
  while (count--) {
    for (int i = 0; i < 1000; i++) {
      uint32_t place = next_random(&seed);
      move_bytes(to + (place & 0x3fff), from + (place >> 14 & 0x3fff), (place >> 26) + 1);
    }
  }
  return mix_bytes(0, to, 16384 + 64);
}

/* The conversation on the console, one line each way at a time:
 *
 *     program: ready
 *     driver:  NAME COUNT
 *     program: begin NAME                        the data is made
 *     driver:  go                                time starts
 *     program: done NAME CHECKSUM MICROSECONDS   time ends; the next NAME COUNT may come
 *
 * While it waits for a line it sleeps, so a driver that is slow to look at a clock loses nothing.
 * MICROSECONDS is the processor time that the kernel below counted: good on a real computer only. */
#include "bench.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#define TEST(name, run) uint32_t run(uint32_t count);
#define PREPARED(name, run, prepare) \
  uint32_t run(uint32_t count);      \
  void prepare(void);
#include "tests.def"
#undef TEST
#undef PREPARED

#define TEST(name, run) {name, 0, run},
#define PREPARED(name, run, prepare) {name, prepare, run},
static const struct test tests[] = {
#include "tests.def"
};

void fail(const char *what) {
  fprintf(stderr, "benchmark: %s: %s\n", what, strerror(errno));
  exit(1);
}

void *pages(size_t bytes, int rights) {
  void *memory = mmap(0, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

uint32_t mix_bytes(uint32_t sum, const void *data, size_t length) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < length; i++) sum = mix(sum, bytes[i]);
  return sum;
}

/* The test that does nothing: what the conversation itself costs. */
uint32_t nothing(uint32_t count) {
  return count;
}

static void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  fflush(stdout);
}

static void hear(char *line, int size) {
  if (!fgets(line, size, stdin)) exit(0);
}

/* Processor time of this process and of its children that have ended. */
static unsigned long microseconds(void) {
  unsigned long sum = 0;
  const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
  for (int i = 0; i < 2; i++) {
    struct rusage usage;
    getrusage(whose[i], &usage);
    sum += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000ul;
    sum += usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  }
  return sum;
}

static const struct test *find(const char *name) {
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
    if (!strcmp(tests[i].name, name)) return &tests[i];
  fprintf(stderr, "benchmark: there is no test \"%s\"\n", name);
  exit(1);
}

/* A terminal is not to repeat what the driver types. */
static void no_echo(void) {
  struct termios settings;
  if (tcgetattr(0, &settings)) return;
  settings.c_lflag &= ~(tcflag_t)ECHO;
  tcsetattr(0, TCSANOW, &settings);
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "exit")) return 0;
  char line[80], name[40];
  unsigned count;
  no_echo();
  say("ready\n");
  for (;;) {
    hear(line, sizeof line);
    if (sscanf(line, "%39s %u", name, &count) != 2) {
      fprintf(stderr, "benchmark: not \"NAME COUNT\": %s", line);
      return 1;
    }
    const struct test *test = find(name);
    release_memory();
    if (test->prepare) test->prepare();
    say("begin %s\n", name);
    hear(line, sizeof line);
    unsigned long before = microseconds();
    uint32_t sum = test->run(count);
    say("done %s %08x %lu\n", name, sum, microseconds() - before);
  }
}

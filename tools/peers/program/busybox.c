/* Programs of busybox at work on a text that this file makes. The environment's BUSYBOX names the
 * program, else it is /bin/busybox. */
#include "bench.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 60000

/* "text": lines of six words; a few words are frequent, most are rare. */
void prepare_text(void) {
  static const char syllables[16][4] = {"ka", "lo", "mi", "ter", "sun", "ve", "ra", "ding",
                                        "po", "el", "us", "ash", "not", "i", "gra", "fe"};
  static char text[WORDS * 16];
  size_t length = 0;
  uint32_t seed = 12;
  if (access("text", R_OK) == 0) return;
  for (int i = 0; i < WORDS; i++) {
    uint32_t random = next_random(&seed), word = (random >> 8) >> (random & 15);
    for (int j = 0; j < 3; j++, word >>= 4)
      for (const char *at = syllables[word & 15], *end = at + 4; at < end && *at; at++) text[length++] = *at;
    text[length++] = i % 6 == 5 ? '\n' : ' ';
  }
  int file = open("text", O_WRONLY | O_CREAT, 0600);
  if (file < 0 || write(file, text, length) != (ssize_t)length) fail("text");
  close(file);
}

/* Runs busybox with `arguments` and "text" as its standard input, and takes up what it prints. */
static uint32_t busybox(uint32_t sum, char *const *arguments) {
  static uint8_t output[65536];
  const char *program = getenv("BUSYBOX");
  int ends[2], status;
  ssize_t length;
  if (pipe(ends)) fail("pipe");
  pid_t child = fork();
  if (child == 0) {
    int text = open("text", O_RDONLY);
    if (text >= 0) dup2(text, 0);
    dup2(ends[1], 1);
    close(ends[0]);
    execv(program ? program : "/bin/busybox", arguments);
    _exit(127);
  }
  close(ends[1]);
  while ((length = read(ends[0], output, sizeof output)) > 0) sum = mix_bytes(sum, output, (size_t)length);
  close(ends[0]);
  if (child < 0 || waitpid(child, &status, 0) != child || status) fail("busybox");
  return sum;
}

#define RUN(count, ...)                                      \
  uint32_t sum = 0;                                          \
  while (count--) sum = busybox(sum, (char *[]){__VA_ARGS__, 0}); \
  return sum

uint32_t busybox_gzip(uint32_t count) {
  RUN(count, "gzip", "-c");
}

uint32_t busybox_sort(uint32_t count) {
  RUN(count, "sort", "-k2");
}

uint32_t busybox_awk(uint32_t count) {
  RUN(count, "awk",
      "{ for (i = 1; i <= NF; i++) { seen[$i]++; size += length($i) } sum += NR % 7 * NF / 3 }\n"
      "END { for (word in seen) if (seen[word] > most) { most = seen[word]; best = word }\n"
      "print best, most, size, int(sum) }");
}

uint32_t busybox_sh(uint32_t count) {
  RUN(count, "sh", "-c",
      "i=0; sum=0\n"
      "add() { sum=$(( (sum * 31 + $1) % 65521 )); }\n"
      "while [ $i -lt 3000 ]; do\n"
      "  add $i\n"
      "  case $sum in *7) name=seven$i;; *[02468]) name=even$sum;; *) name=odd;; esac\n"
      "  i=$((i + ${#name} - ${#name} + 1))\n"
      "done\n"
      "for word in a b c d e f g h; do sum=$(echo $sum$word | { read line; echo ${line%?}; }); done\n"
      "echo $sum");
}

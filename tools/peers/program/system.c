/* What the kernel does: system calls, processes, pipes, memory maps, signals, files. */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

uint32_t system_calls(uint32_t count) {
  uint32_t errors = 0;
  for (uint32_t i = 0; i < count * 1000; i++) errors += syscall(SYS_close, -1) == -1 && errno == EBADF;
  return errors;
}

static uint32_t exit_status(pid_t child) {
  int status;
  if (child < 0) fail("fork");
  if (waitpid(child, &status, 0) != child) fail("waitpid");
  return (uint32_t)status;
}

uint32_t fork_children(uint32_t count) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) _exit((int)(i & 127));
    sum = mix(sum, exit_status(child));
  }
  return sum;
}

/* The children are this program with the argument "exit". */
uint32_t exec_children(uint32_t count) {
  uint32_t sum = 1;
  while (count--) {
    pid_t child = fork();
    if (child == 0) {
      execl("/proc/self/exe", "benchmark", "exit", (char *)0);
      _exit(127);
    }
    sum = mix(sum, exit_status(child));
  }
  return sum;
}

/* A number goes to a child and back, one higher: two switches between processes each time. */
uint32_t pipe_turns(uint32_t count) {
  int there[2], back[2];
  uint32_t number = 0;
  if (pipe(there) || pipe(back)) fail("pipe");
  pid_t child = fork();
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &number, sizeof number) == sizeof number) {
      number++;
      if (write(back[1], &number, sizeof number) != sizeof number) _exit(1);
    }
    _exit(0);
  }
  close(there[0]);
  for (uint32_t i = 0; i < count; i++)
    if (write(there[1], &number, sizeof number) != sizeof number ||
        read(back[0], &number, sizeof number) != sizeof number)
      fail("pipe");
  close(there[1]);
  close(back[0]);
  close(back[1]);
  return mix(number, exit_status(child));
}

#define MAPPED (4 << 20)

/* 4 MiB are mapped, each page is written, the map is given back. */
uint32_t mmap_faults(uint32_t count) {
  uint32_t sum = 0;
  while (count--) {
    uint8_t *memory = pages(MAPPED, PROT_READ | PROT_WRITE);
    /* Small pages everywhere, whatever the kernel's taste in huge ones. */
    madvise(memory, MAPPED, MADV_NOHUGEPAGE);
    for (int at = 0; at < MAPPED; at += 4096) sum += memory[at] + (memory[at + 1] = (uint8_t)(at >> 12));
    if (munmap(memory, MAPPED)) fail("munmap");
  }
  return sum;
}

static volatile uint32_t received;

static void on_signal(int number) {
  received += (uint32_t)number;
}

void prepare_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  if (sigaction(SIGUSR1, &action, 0)) fail("sigaction");
  received = 0;
}

uint32_t signals(uint32_t count) {
  for (uint32_t i = 0; i < count * 100; i++) kill(getpid(), SIGUSR1);
  return received;
}

#define FILE_BLOCKS 256

/* A file of 1 MiB is written in blocks, read back and removed. */
uint32_t file_writes(uint32_t count) {
  static uint8_t block[4096];
  uint32_t sum = 0;
  while (count--) {
    int file = open("scratch", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0) fail("scratch");
    for (uint32_t i = 0; i < FILE_BLOCKS; i++) {
      block[i] = (uint8_t)(i + count);
      if (write(file, block, sizeof block) != sizeof block) fail("write");
    }
    lseek(file, 0, SEEK_SET);
    for (uint32_t i = 0; i < FILE_BLOCKS; i++) {
      if (read(file, block, sizeof block) != sizeof block) fail("read");
      sum = mix(sum, block[i]);
    }
    close(file);
    unlink("scratch");
  }
  return sum;
}

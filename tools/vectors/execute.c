/*
 * Executes single instructions on the processor of this Linux x86-64 host and tells what they did.
 *
 * Standard input: any number of `struct test`. Standard output: one `struct outcome` for each, in order.
 *
 * There is no assembly here: the whole loop is one signal handler. It writes the next test's registers into the
 * signal frame, with RFLAGS.TF set, and returns; sigreturn loads them all at once, the processor executes one
 * instruction and raises #DB (or whatever the instruction raises), and the kernel calls the handler with the
 * complete state of that moment. 32-bit code runs in compatibility mode: the frame's CS is Linux's 32-bit one.
 *
 * Linear memory, the same for every test:
 *   CODE          the instruction
 *   WINDOW        256 bytes of data, the last ones of their page; the page after it is not present
 *   LOW_WINDOW    the same bytes again where 16-bit addresses reach them
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum {
  PAGE = 4096,
  CODE = 0x10000100,
  WINDOW_SIZE = 256,
  WINDOW = 0x20000f00,
  LOW_WINDOW = 0xff00,
  USER_DATA = 0x2b,        /* Linux's flat data segment */
  USER_CODE_32 = 0x23,
  USER_CODE_64 = 0x33,
  TF = 0x100,
  RECORDED_FLAGS = 0xed7, /* OF DF IF SF ZF AF PF CF and the bit that is always 1 */
};

/* Offsets are those of layout.ts. */
struct state {
  uint64_t gpr[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8-R15 */
  uint64_t rip;
  uint32_t eflags, mxcsr;
  uint16_t fcw, fsw, ftw, zero;
  uint64_t reserved;
  uint8_t st[8][16]; /* ST(0)-ST(7), 10 bytes each, then zero */
  uint8_t xmm[16][16];
  uint8_t window[WINDOW_SIZE];
};

struct test {
  uint8_t bits;   /* 32 or 64 */
  uint8_t length; /* of the code */
  uint8_t code[16];
  uint8_t repeats; /* a REP string instruction: #DB comes after each iteration */
  uint8_t pushes_flags; /* PUSHF: the image it stores holds our TF */
  uint8_t zero[4];
  struct state state;
};

struct outcome {
  uint32_t vector; /* of the exception; 1 (#DB) when the instruction completed */
  uint32_t error_code;
  uint64_t cr2; /* 0 unless the vector is 14 (#PF) */
  struct state state;
};

_Static_assert(sizeof(struct state) == 800 && sizeof(struct test) == 824 && sizeof(struct outcome) == 816, "layout");

static const int greg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static struct test *tests;
static struct outcome *outcomes;
static size_t count, current;
static uint8_t *const window = (uint8_t *)WINDOW;
static uint8_t *const data_page = (uint8_t *)(WINDOW & -PAGE);
static uint8_t outside[PAGE - WINDOW_SIZE];

static void fail(const char *what) {
  fprintf(stderr, "execute: test %zu: %s\n", current, what);
  _exit(1);
}

static void load(ucontext_t *context, const struct test *test) {
  const struct state *state = &test->state;
  greg_t *registers = context->uc_mcontext.gregs;
  struct _libc_fpstate *fpu = context->uc_mcontext.fpregs;
  for (int i = 0; i < 16; i++) registers[greg[i]] = state->gpr[i];
  registers[REG_RIP] = CODE;
  registers[REG_EFL] = state->eflags | TF;
  uint64_t selectors = registers[REG_CSGSFS] & 0x0000ffffffff0000;
  registers[REG_CSGSFS] = selectors | (test->bits == 32 ? USER_CODE_32 : USER_CODE_64) | (uint64_t)USER_DATA << 48;
  fpu->cwd = state->fcw;
  fpu->swd = state->fsw;
  fpu->ftw = state->ftw;
  fpu->mxcsr = state->mxcsr;
  memcpy(fpu->_st, state->st, sizeof state->st);
  memcpy(fpu->_xmm, state->xmm, sizeof state->xmm);
  /* The XSAVE header behind the legacy area: x87 and SSE are not in their initial state. */
  *(uint64_t *)((uint8_t *)fpu + 512) |= 3;
  memcpy(window, state->window, WINDOW_SIZE);
  memcpy((void *)CODE, test->code, sizeof test->code);
}

static void save(const ucontext_t *context, const struct test *test, struct outcome *outcome) {
  struct state *state = &outcome->state;
  const greg_t *registers = context->uc_mcontext.gregs;
  const struct _libc_fpstate *fpu = context->uc_mcontext.fpregs;
  outcome->vector = registers[REG_TRAPNO];
  outcome->error_code = outcome->vector >= 10 && outcome->vector <= 14 ? registers[REG_ERR] : 0;
  outcome->cr2 = outcome->vector == 14 ? registers[REG_CR2] : 0;
  for (int i = 0; i < 16; i++) state->gpr[i] = registers[greg[i]];
  state->rip = registers[REG_RIP];
  state->eflags = registers[REG_EFL] & RECORDED_FLAGS;
  state->mxcsr = fpu->mxcsr;
  state->fcw = fpu->cwd;
  state->fsw = fpu->swd;
  state->ftw = fpu->ftw;
  for (int i = 0; i < 8; i++) memcpy(state->st[i], &fpu->_st[i], 10);
  memcpy(state->xmm, fpu->_xmm, sizeof state->xmm);
  if (test->pushes_flags && outcome->vector == 1) {
    uint64_t sp = test->bits == 32 ? (uint32_t)state->gpr[4] : state->gpr[4];
    if (sp < WINDOW || sp > WINDOW + WINDOW_SIZE - 2) fail("PUSHF outside the window");
    *(uint16_t *)sp &= ~TF;
  }
  memcpy(state->window, window, WINDOW_SIZE);
  if (memcmp(data_page, outside, sizeof outside) != 0) fail("wrote outside the window");
}

/* Keeps what the instruction just done has left, and starts the next one. */
static void step(int signal_number, siginfo_t *info, void *frame) {
  (void)info;
  ucontext_t *context = frame;
  static bool running = false;
  if (running) {
    const greg_t *registers = context->uc_mcontext.gregs;
    if (signal_number != SIGTRAP && registers[REG_RIP] != CODE && registers[REG_TRAPNO] != 4)
      fail("the fault is not the instruction's");
    if (tests[current].repeats && registers[REG_TRAPNO] == 1 && registers[REG_RIP] == CODE) return;
    save(context, &tests[current], &outcomes[current]);
    current++;
  }
  if (current == count) {
    size_t length = count * sizeof *outcomes;
    for (size_t done = 0; done < length;) {
      ssize_t written = write(STDOUT_FILENO, (uint8_t *)outcomes + done, length - done);
      if (written <= 0) fail("cannot write the outcomes");
      done += written;
    }
    _exit(0);
  }
  running = true;
  load(context, &tests[current]);
}

static void *map(uint64_t address, size_t size, int protection, int flags, int file) {
  void *at = mmap((void *)address, size, protection, flags | MAP_FIXED_NOREPLACE, file, 0);
  if (at != (void *)address) {
    perror("execute: mmap");
    fprintf(stderr, "execute: cannot map address 0x%lx%s\n", address,
            address < 0x10000 ? " (16-bit addresses need root, or sysctl vm.mmap_min_addr=4096)" : "");
    exit(1);
  }
  return at;
}

static void read_tests(void) {
  size_t capacity = 1 << 20, length = 0;
  uint8_t *buffer = malloc(capacity);
  for (ssize_t got; (got = read(STDIN_FILENO, buffer + length, capacity - length)) > 0;) {
    length += got;
    if (length == capacity) buffer = realloc(buffer, capacity *= 2);
    if (!buffer) exit(1);
  }
  count = length / sizeof(struct test);
  if (count == 0 || length % sizeof(struct test) != 0) {
    fprintf(stderr, "execute: %zu bytes of input are no whole number of tests\n", length);
    exit(1);
  }
  tests = (struct test *)buffer;
  outcomes = calloc(count, sizeof *outcomes);
  if (!outcomes) exit(1);
}

int main(void) {
  read_tests();
  int file = memfd_create("window", 0);
  if (file < 0 || ftruncate(file, PAGE) != 0) return 1;
  map(CODE & -PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  map(WINDOW & -PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file);
  map(LOW_WINDOW & -PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file);

  stack_t stack = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGTRAP, SIGSEGV, SIGFPE, SIGILL, SIGBUS};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);

  /* 32-bit code uses these; a 64-bit process starts with null selectors in them. */
  __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(USER_DATA));
  raise(SIGTRAP);
  return 1;
}

/*
 * patroni-guard: a small companion of the agent, in two parts. It needs no C library, so one file of a few KB runs on every
 * Linux of its architecture, and its memory is a handful of pages. Built by scripts/build-guard.mjs; why it is written in C
 * and shipped as a binary: docs/decisions/2026-11-23-guard-program.md.
 *
 *   patroni-guard guard BINARY DEADLINE PID START DIRECTORY
 *     Kills every server process of DIRECTORY when DEADLINE has passed without a newer one. Lines on standard input:
 *       F DEADLINE PID START   a newer deadline; the postmaster of now (0 0: not known)
 *       D                      disarm and end
 *     The end of the input (the agent died) changes nothing: the deadline holds. SIGUSR1 ends it (a new guard took over).
 *     Answers on standard output: "ready", "fed DEADLINE", "fired COUNT". Exit: 0 disarmed, 1 usage, 3 fired and done.
 *
 *   patroni-guard device SECONDS
 *     File descriptor 3 is an open watchdog device. Sets its timeout to SECONDS (0: leaves it) if it can, and prints
 *     "OPTIONS FIRMWARE TIMEOUT IDENTITY", or "error ERRNO CALL".
 *
 * States of the guard: armed -> (deadline) firing -> (fed in time again) armed | (disarmed) end | (agent gone, all killed) end.
 * Invariants: the deadline is judged before any input is read, so nothing that was waiting in the pipe can save a server whose
 * time is over; a process is signalled through a descriptor of itself, after its identity was checked, so never a recycled pid.
 */
#include <asm/unistd.h>
#include <linux/watchdog.h>

typedef unsigned long word;
typedef long long nanos;

/* ---- system calls ---- */

#if defined(__x86_64__)
static long call(long n, long a, long b, long c, long d, long e) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return result;
}
__asm__(".globl _start\n_start:\n  xor %ebp,%ebp\n  mov %rsp,%rdi\n  and $-16,%rsp\n  call begin\n");
#elif defined(__aarch64__)
static long call(long n, long a, long b, long c, long d, long e) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
__asm__(".globl _start\n_start:\n  mov x29,#0\n  mov x30,#0\n  mov x0,sp\n  b begin\n");
#else
#error "this architecture has no entry code yet"
#endif

#define CALL0(n) call(n, 0, 0, 0, 0, 0)
#define CALL1(n, a) call(n, (long)(a), 0, 0, 0, 0)
#define CALL2(n, a, b) call(n, (long)(a), (long)(b), 0, 0, 0)
#define CALL3(n, a, b, c) call(n, (long)(a), (long)(b), (long)(c), 0, 0)
#define CALL4(n, a, b, c, d) call(n, (long)(a), (long)(b), (long)(c), (long)(d), 0)
#define CALL5(n, a, b, c, d, e) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

enum { AT_FDCWD_ = -100, O_RDONLY_ = 0, O_WRONLY_ = 1, ENOSYS_ = 38, EAGAIN_ = 11, EINTR_ = 4 };
enum { SIGUSR1_ = 10, SIGKILL_ = 9, SIGSTOP_ = 19 };
enum { CLOCK_MONOTONIC_ = 1, CLOCK_BOOTTIME_ = 7, TFD_TIMER_ABSTIME_ = 1 };
enum { MCL_CURRENT_ = 1, MCL_ONFAULT_ = 4, POLLIN_ = 1, POLLERR_ = 8, POLLHUP_ = 16 };

struct timespec_ { long sec, nsec; };
struct itimerspec_ { struct timespec_ interval, value; };
struct pollfd_ { int fd; short events, revents; };

/* The compiler may call these for copies and clears. */
void *memset(void *to, int byte, word count) {
  for (word i = 0; i < count; i++) ((volatile char *)to)[i] = (char)byte;
  return to;
}
void *memcpy(void *to, const void *from, word count) {
  for (word i = 0; i < count; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
  return to;
}

static void quit(int code) {
  for (;;) CALL1(__NR_exit_group, code);
}

/* ---- text ---- */

static word length(const char *text) {
  word n = 0;
  while (text[n]) n++;
  return n;
}

static int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

/* Reads a decimal number and moves on behind it and one blank. */
static unsigned long long number(const char **at) {
  unsigned long long value = 0;
  while (**at >= '0' && **at <= '9') value = value * 10 + (unsigned)(*(*at)++ - '0');
  while (**at == ' ') (*at)++;
  return value;
}

static char *append(char *to, const char *text) {
  while (*text) *to++ = *text++;
  *to = 0;
  return to;
}

static char *append_number(char *to, unsigned long long value) {
  char digits[24];
  int n = 0;
  do digits[n++] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  while (n > 0) *to++ = digits[--n];
  *to = 0;
  return to;
}

static void say(int fd, const char *text) { CALL3(__NR_write, fd, text, length(text)); }

static void say_number(int fd, const char *what, unsigned long long value) {
  char line[96];
  append(append_number(append(line, what), value), "\n");
  say(fd, line);
}

/* ---- time ---- */

static nanos now(int clock) {
  struct timespec_ t = {0, 0};
  CALL2(__NR_clock_gettime, clock, &t);
  return (nanos)t.sec * 1000000000 + t.nsec;
}

static void nap(long milliseconds) {
  struct timespec_ t = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  CALL2(__NR_nanosleep, &t, 0);
}

/* ---- processes ---- */

/* More than machines run, threads not counted; pages are touched only as far as needed. */
enum { MOST = 131072, SWEEP_PAUSE_MS = 5, LINGER_PAUSE_MS = 100, IDLE_SWEEPS = 3, MOST_SWEEPS = 2000 };

struct process { int pid, parent; unsigned long long start; char dead, target; };

static struct process table[MOST];
static int count;
/* The marked ones by their place in the table. */
static int targets[MOST], target_count;

static const char *binary;    /* name of the server's executable */
static const char *directory; /* the data directory as the kernel spells it: the working directory of every server process */
static int postmaster;        /* the one that the agent knows, with its start time in clock ticks */
static unsigned long long postmaster_start;

static char *proc_path(char *to, int pid, const char *leaf) { return append(append(append_number(append(to, "/proc/"), (unsigned)pid), "/"), leaf); }

/* State, parent and start time. Fields are counted from the last bracket: the name before it may contain anything. */
static int read_process(int pid, struct process *p) {
  char path[48], text[1024];
  proc_path(path, pid, "stat");
  long fd = CALL4(__NR_openat, AT_FDCWD_, path, O_RDONLY_, 0);
  if (fd < 0) return 0;
  long n = CALL3(__NR_read, fd, text, sizeof text - 1);
  CALL1(__NR_close, fd);
  if (n <= 0) return 0;
  text[n] = 0;
  const char *at = text + n;
  while (at > text && *at != ')') at--;
  if (at == text || at[1] != ' ') return 0;
  at += 2;
  p->pid = pid;
  p->dead = *at == 'Z' || *at == 'X';
  p->target = 0;
  at += 2;
  p->parent = (int)number(&at);
  /* The parent is field 4, the start time field 22. */
  for (int field = 5; field < 22; field++) {
    while (*at && *at != ' ') at++;
    if (*at) at++;
  }
  p->start = number(&at);
  return 1;
}

static int link_text(int pid, const char *leaf, char *to, word size) {
  char path[48];
  proc_path(path, pid, leaf);
  long n = CALL4(__NR_readlinkat, AT_FDCWD_, path, to, size - 1);
  if (n <= 0) return 0;
  to[n] = 0;
  return 1;
}

/* A process of our server: its executable has the server's name, and its working directory is the data directory. */
static int serves_directory(int pid) {
  char text[4096];
  if (!link_text(pid, "cwd", text, sizeof text) || !same(text, directory)) return 0;
  if (!link_text(pid, "exe", text, sizeof text)) return 0;
  /* A binary that was replaced while it runs shows with this suffix. */
  word n = length(text);
  if (n > 10 && same(text + n - 10, " (deleted)")) text[n - 10] = 0;
  const char *name = text;
  for (const char *at = text; *at; at++)
    if (*at == '/') name = at + 1;
  return same(name, binary) || same(name, "postgres") || same(name, "postmaster");
}

struct entry { unsigned long long inode; long long offset; unsigned short size; unsigned char type; char name[]; };

static void mark(int place) {
  table[place].target = 1;
  targets[target_count++] = place;
}

static int is_below_target(const struct process *p) {
  for (int i = 0; i < target_count; i++)
    if (table[targets[i]].pid == p->parent) return 1;
  return 0;
}

/* Lists all processes and marks those of the server with everything below them. Returns how many of them live. */
static int look(void) {
  static char buffer[8192];
  count = target_count = 0;
  int living = 0;
  long folder = CALL4(__NR_openat, AT_FDCWD_, "/proc", O_RDONLY_, 0);
  if (folder < 0) return -1;
  for (;;) {
    long n = CALL3(__NR_getdents64, folder, buffer, sizeof buffer);
    if (n <= 0) break;
    for (long at = 0; at < n;) {
      struct entry *e = (struct entry *)(buffer + at);
      at += e->size;
      const char *digits = e->name;
      int pid = (int)number(&digits);
      if (pid <= 1 || *digits || count >= MOST || !read_process(pid, &table[count])) continue;
      struct process *p = &table[count++];
      if ((pid == postmaster && p->start == postmaster_start) || (!p->dead && serves_directory(pid))) mark(count - 1);
    }
  }
  CALL1(__NR_close, folder);
  for (int known = -1; known < target_count;) {
    known = target_count;
    for (int i = 0; i < count; i++)
      if (!table[i].target && is_below_target(&table[i])) mark(i);
  }
  for (int i = 0; i < target_count; i++) living += !table[targets[i]].dead;
  return living;
}

/* Signals the process that was seen and no other: a descriptor fixes the process, then its start time is compared. */
static void signal_seen(const struct process *seen, int signal) {
  struct process again;
  long fd = CALL2(__NR_pidfd_open, seen->pid, 0);
  if (read_process(seen->pid, &again) && again.start == seen->start) {
    if (fd >= 0) CALL4(__NR_pidfd_send_signal, fd, signal, 0, 0);
    else if (fd == -ENOSYS_) CALL2(__NR_kill, seen->pid, signal);
  }
  if (fd >= 0) CALL1(__NR_close, fd);
}

/* The roots are the targets whose parent is none: the postmaster, or backends that it left behind. */
static void signal_targets(int roots, int signal) {
  for (int i = 0; i < target_count; i++) {
    const struct process *p = &table[targets[i]];
    if (!p->dead && is_below_target(p) != roots) signal_seen(p, signal);
  }
}

/*
 * One pass: the roots are stopped, so that they fork nobody while we look again; then their descendants are killed, then they.
 * A process that was sent SIGKILL never runs a line of its own code again, also while it waits for a disk.
 */
static int sweep(void) {
  int living = look();
  if (living <= 0) return living;
  signal_targets(1, SIGSTOP_);
  living = look();
  signal_targets(0, SIGKILL_);
  signal_targets(1, SIGKILL_);
  return living;
}

/* ---- the guard ---- */

static nanos deadline;      /* on CLOCK_BOOTTIME, which goes on while the machine sleeps, as the lease in the store does */
static nanos told_deadline; /* as the agent told it, on CLOCK_MONOTONIC */
static int timer_fd, signal_fd, is_input_open = 1, is_firing, is_reported;

static void set_deadline(nanos told) {
  told_deadline = told;
  deadline = told + (now(CLOCK_BOOTTIME_) - now(CLOCK_MONOTONIC_));
  struct itimerspec_ when = {{0, 0}, {deadline / 1000000000, deadline % 1000000000}};
  if (deadline <= 0) when.value.sec = 0, when.value.nsec = 1;
  CALL4(__NR_timerfd_settime, timer_fd, TFD_TIMER_ABSTIME_, &when, 0);
}

static void obey(const char *line) {
  if (line[0] == 'D') quit(0);
  if (line[0] != 'F' || line[1] != ' ') return;
  const char *at = line + 2;
  nanos told = (nanos)number(&at);
  postmaster = (int)number(&at);
  postmaster_start = number(&at);
  set_deadline(told);
  say_number(1, "fed ", (unsigned long long)told);
}

static void read_input(void) {
  static char line[256];
  static word filled;
  char chunk[256];
  long n = CALL3(__NR_read, 0, chunk, sizeof chunk);
  if (n == -EAGAIN_ || n == -EINTR_) return;
  if (n <= 0) {
    is_input_open = 0;
    return;
  }
  for (long i = 0; i < n; i++) {
    if (chunk[i] != '\n') {
      if (filled < sizeof line - 1) line[filled++] = chunk[i];
      continue;
    }
    line[filled] = 0;
    filled = 0;
    obey(line);
  }
}

/* The time is over. Goes on until there is nobody left, and for as long as the agent neither feeds nor disarms. */
static void fire(void) {
  is_firing = 1;
  int killed = sweep();
  int idle = 0;
  for (int i = 0; i < MOST_SWEEPS && idle < IDLE_SWEEPS; i++) {
    nap(SWEEP_PAUSE_MS);
    idle = sweep() <= 0 ? idle + 1 : 0;
  }
  if (!is_reported) say_number(1, "fired ", (unsigned)(killed > 0 ? killed : 0));
  /* Last: whoever reads the log may stand still, and this would wait for it. */
  if (!is_reported && killed > 0)
    say_number(2, "patroni-guard: the lease ended without a renewal, server processes killed: ", (unsigned)killed);
  is_reported = 1;
  if (!is_input_open) quit(3);
}

static void oom_protect(void) {
  long fd = CALL4(__NR_openat, AT_FDCWD_, "/proc/self/oom_score_adj", O_WRONLY_, 0);
  if (fd < 0) return;
  CALL3(__NR_write, fd, "-1000", 5);
  CALL1(__NR_close, fd);
}

static int guard(char **argv) {
  const char *text = argv[3];
  nanos first = (nanos)number(&text);
  binary = argv[2];
  text = argv[4];
  postmaster = (int)number(&text);
  text = argv[5];
  postmaster_start = number(&text);
  directory = argv[6];
  oom_protect();
  /* Signals that are meant for the agent's group must not end its guard; the one that may is read from a descriptor. */
  unsigned long long all = ~0ULL, successor = 1ULL << (SIGUSR1_ - 1);
  CALL4(__NR_rt_sigprocmask, 0, &all, 0, 8);
  signal_fd = (int)CALL4(__NR_signalfd4, -1, &successor, 8, 0);
  timer_fd = (int)CALL2(__NR_timerfd_create, CLOCK_BOOTTIME_, 0);
  if (signal_fd < 0 || timer_fd < 0) return 1;
  set_deadline(first);
  /* Not to wait for a disk when it counts. Refused where the limit is too low; it is tiny anyway. */
  CALL1(__NR_mlockall, MCL_CURRENT_ | MCL_ONFAULT_);
  say(1, "ready\n");
  for (;;) {
    struct pollfd_ fds[3] = {{timer_fd, POLLIN_, 0}, {signal_fd, POLLIN_, 0}, {is_input_open ? 0 : -1, POLLIN_, 0}};
    if (is_firing) fds[0].fd = -1;
    struct timespec_ pause = {0, LINGER_PAUSE_MS * 1000000};
    CALL5(__NR_ppoll, fds, 3, is_firing ? &pause : 0, 0, 8);
    /* The time is judged before any input; the other way round what was left in the pipe could revive a dead lease. */
    if (!is_firing && now(CLOCK_BOOTTIME_) >= deadline) {
      fire();
      continue;
    }
    if (fds[1].revents & POLLIN_) return 0;
    if (fds[2].revents) read_input();
    if (is_firing && now(CLOCK_BOOTTIME_) < deadline) is_firing = is_reported = 0;
    if (is_firing && !is_input_open) fire();
    if (is_firing) sweep();
  }
}

/* ---- the watchdog device ---- */

static int device(char **argv) {
  const char *text = argv[2];
  int wanted = (int)number(&text), timeout = 0;
  struct watchdog_info info;
  memset(&info, 0, sizeof info);
  long error = CALL3(__NR_ioctl, 3, WDIOC_GETSUPPORT, &info);
  const char *what = "GETSUPPORT";
  if (error == 0 && wanted > 0 && (info.options & WDIOF_SETTIMEOUT)) {
    int seconds = wanted;
    error = CALL3(__NR_ioctl, 3, WDIOC_SETTIMEOUT, &seconds);
    what = "SETTIMEOUT";
  }
  if (error == 0) {
    error = CALL3(__NR_ioctl, 3, WDIOC_GETTIMEOUT, &timeout);
    what = "GETTIMEOUT";
  }
  char line[128];
  char *at = line;
  if (error != 0) {
    at = append(append_number(append(at, "error "), (unsigned)-error), " ");
    at = append(at, what);
  } else {
    at = append(append_number(at, info.options), " ");
    at = append(append_number(at, info.firmware_version), " ");
    at = append(append_number(at, (unsigned)timeout), " ");
    for (word i = 0; i < sizeof info.identity && info.identity[i]; i++) *at++ = info.identity[i] < ' ' ? ' ' : (char)info.identity[i];
  }
  append((*at = 0, at), "\n");
  say(1, line);
  return error == 0 ? 0 : 2;
}

/* The stack as the kernel leaves it: the number of arguments, then the arguments. */
__attribute__((noreturn, used)) void begin(long *stack) {
  long argc = stack[0];
  char **argv = (char **)(stack + 1);
  if (argc == 7 && same(argv[1], "guard")) quit(guard(argv));
  if (argc == 3 && same(argv[1], "device")) quit(device(argv));
  say(2, "usage: patroni-guard guard BINARY DEADLINE PID START DIRECTORY | patroni-guard device SECONDS\n");
  quit(1);
  __builtin_unreachable();
}

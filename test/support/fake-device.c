/*
 * Runs a program as if its file descriptor 3 were a watchdog device: every ioctl on it is answered here, in the kernel's
 * place, and printed to standard error as "REQUEST ARGUMENT". For tests on x86-64; built by the test that needs it.
 * Usage: fake-device OPTIONS LEAST PROGRAM ARGUMENT...   OPTIONS: bits of GETSUPPORT; LEAST: the driver's shortest time-out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

static void copy(unsigned long address, void *own, size_t size, int isWrite) {
  struct iovec local = {own, size}, remote = {(void *)address, size};
  if (isWrite) process_vm_writev(child, &local, 1, &remote, 1, 0);
  else process_vm_readv(child, &local, 1, &remote, 1, 0);
}

int main(int argc, char **argv) {
  if (argc < 4) return 64;
  unsigned options = (unsigned)strtoul(argv[1], 0, 0);
  int least = atoi(argv[2]), timeout = 60, status, isEntry = 1, isOurs = 0, number;
  child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execv(argv[3], argv + 3);
    _exit(127);
  }
  long result = 0;
  while (waitpid(child, &status, 0) == child && !WIFEXITED(status) && !WIFSIGNALED(status)) {
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, child, 0, &regs);
    if (WSTOPSIG(status) == SIGTRAP && isEntry && regs.orig_rax == SYS_ioctl && regs.rdi == 3) {
      copy(regs.rdx, &number, sizeof number, 0);
      unsigned request = (unsigned)regs.rsi;
      if (request == WDIOC_SETTIMEOUT) fprintf(stderr, "0x%08x %d\n", request, number);
      else fprintf(stderr, "0x%08x\n", request);
      result = -ENOTTY;
      if (request == WDIOC_GETSUPPORT) {
        struct watchdog_info info = {.options = options, .firmware_version = 3, .identity = "Fake"};
        copy(regs.rdx, &info, sizeof info, 1);
        result = 0;
      }
      if (request == WDIOC_SETTIMEOUT) {
        timeout = number < least ? least : number;
        result = 0;
      }
      if (request == WDIOC_SETTIMEOUT || request == WDIOC_GETTIMEOUT) {
        copy(regs.rdx, &timeout, sizeof timeout, 1);
        result = 0;
      }
      regs.orig_rax = (unsigned long)-1;
      ptrace(PTRACE_SETREGS, child, 0, &regs);
      isOurs = 1;
    } else if (isOurs) {
      regs.rax = (unsigned long)result;
      ptrace(PTRACE_SETREGS, child, 0, &regs);
      isOurs = 0;
    }
    /* The first stop is the exec itself; after it entries and exits take turns. */
    if (regs.orig_rax != SYS_execve) isEntry = !isEntry;
    ptrace(PTRACE_SYSCALL, child, 0, 0);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* What the programs of the benchmark share: time, sockets, one line of JSON for each figure. */
#ifndef COFFER_BENCH_COMMON_H
#define COFFER_BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Prints "bench: SENTENCE" and ends with status 1. */
_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void bench_must(bool ok, const char *what);

uint64_t bench_now_ns(void);
/* Processor time of all threads of a process whose name begins with `prefix` ("" = all), in nanoseconds; 0 when it cannot be read. */
uint64_t bench_cpu_ns(pid_t pid, const char *prefix);
/* Processor time of the calling thread. */
uint64_t bench_own_cpu_ns(void);

/* Stream sockets. */
int bench_connect(const char *path);
int bench_listen(const char *path);

/* A number of the command line, least to most; else it ends. */
uint64_t bench_number(const char *text, uint64_t least, uint64_t most);

#endif

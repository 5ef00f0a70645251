/* A tap between libcoffer and cofferd that counts the bytes of each way, so that the ideal server's frames have just these lengths. */
#ifndef COFFER_BENCH_TAP_H
#define COFFER_BENCH_TAP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct tap {
	pthread_t thread;
	const char *to;
	int listener;
	_Atomic uint64_t requests, answers; /* bytes that went through */
};

/* Listens at `path` and hands one connection on to the server at `to`; both are borrowed until tap_end. */
void tap_begin(struct tap *tap, const char *path, const char *to);
/* After that connection was closed. */
void tap_end(struct tap *tap);

#endif

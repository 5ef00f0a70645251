/* Faults on demand: the n-th call of one kind fails, once or from then on. Calls of this project's code come through the linker's --wrap (wraps.c);
 * OpenSSL's memory through the allocator that the project gives it; SQLite's through its memory and file methods. Counters are shared by all
 * threads; a thread that is part of the test and not of the product stands aside. */
#ifndef COFFER_TESTS_FAULT_FAULT_H
#define COFFER_TESTS_FAULT_FAULT_H

#include <stdbool.h>

enum fault_place {
	FAULT_AT_NOTHING,
	FAULT_AT_HEAP,      /* malloc, calloc, realloc, strdup, strndup */
	FAULT_AT_ARENA,     /* the secret arena, for this project's own blocks */
	FAULT_AT_OPENSSL,   /* the same arena, for OpenSSL's */
	FAULT_AT_SQLITE,    /* SQLite's heap */
	FAULT_AT_DISK,      /* SQLite's file access: the row's disk_kind and disk_rc */
	FAULT_AT_CALL,      /* a system call of this project's own code fails with the row's errno */
	FAULT_AT_EINTR,     /* calls that may be interrupted, SQLite's too: once, or half of them */
	FAULT_AT_SHORT,     /* reads and writes do one byte, SQLite's too */
	FAULT_AT_RANDOM,    /* OpenSSL's generators fail */
	FAULT_AT_TOKEN,     /* the token answers with the row's error */
	FAULT_AT_WIRE,      /* the frames between the proxy and its helper: the row's enum fake_wire of unit/ops/fake_token.h */
	FAULT_PLACES
};

struct fault {
	const char *name;
	enum fault_place place;
	bool stays;
	int disk_kind, disk_rc; /* FAULT_AT_DISK: enum fault_kind of fault_vfs.h, SQLite's code */
	int code;               /* errno, or enum coffer_err of the token */
};

/* Once, before anything else of SQLite. */
void fault_install(void);
void fault_arm(const struct fault *fault, unsigned nth);
/* Returns whether the fault happened. */
bool fault_disarm(void);
/* Whether this call is to fail; counts it. */
bool fault_strikes(enum fault_place place);
enum fault_place fault_place(void);
/* errno or error of the armed fault. */
int fault_code(void);
/* Prints where it struck first; addr2line -f -e fault_loops reads it. */
void fault_show_place(void);
/* What OpenSSL keeps for this thread is freed: generators, the list of errors. */
void fault_forget_thread(void);
/* This thread's calls are the test's own until fault_back; pairs nest. */
void fault_aside(void);
void fault_back(void);

#endif

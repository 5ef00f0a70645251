/* Where bytes come from: files, block devices, standard input, the memory of a process. */
#ifndef TESTS_LEAK_SOURCES_H
#define TESTS_LEAK_SOURCES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "leak/scan.h"

struct source_result {
	uint64_t bytes;      /* looked at */
	uint64_t unreadable; /* bytes that the kernel does not give to anybody: EIO, EFAULT */
	unsigned regions;    /* of memory with unreadable bytes */
};

/* Called before the bytes of a region of memory. */
typedef void source_region_fn(void *user, const char *line);

/* To the end of the descriptor. False: read failed (errno). */
bool source_fd(struct scan *s, int fd, struct source_result *out);
/* A regular file or a block device, whose cached pages are dropped first. */
bool source_file(struct scan *s, const char *path, struct source_result *out);
/* Which regions: a ring is memory that cofferd shares with a client, whose plaintext is there. */
enum source_regions { SOURCE_ALL, SOURCE_BUT_RINGS, SOURCE_RINGS };

/* Regions of /proc/PID/maps, read through /proc/PID/mem. False: they cannot be opened, or (but for rings) nothing at all could be read. */
bool source_memory(struct scan *s, pid_t pid, enum source_regions which, source_region_fn *region, void *user, struct source_result *out);

#endif

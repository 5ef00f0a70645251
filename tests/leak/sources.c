/* Feeds the scanner in blocks that overlap. */
#include "leak/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK ((size_t)1 << 20)
#define PAGE ((size_t)4096)
#define REGION_MAX ((uint64_t)4 << 30) /* larger regions are the shadow memory of sanitizers */

static uint8_t buffer[SCAN_CONTEXT + BLOCK];

/* A stream that comes in pieces: the last bytes are kept in front of the next piece. */
struct feed {
	struct scan *scan;
	uint64_t offset; /* of buffer[0] */
	size_t len;      /* bytes in the buffer */
	size_t probed;   /* where the next probe begins */
};

static void feed_begin(struct feed *f, struct scan *s, uint64_t offset)
{
	*f = (struct feed){ .scan = s, .offset = offset };
	scan_begin(s);
}

/* Probes what is there but for the last half of the context, or all of it at the end; keeps the context. */
static void feed_scan(struct feed *f, bool end)
{
	size_t to = end ? f->len : f->len > SCAN_CONTEXT / 2 ? (f->len - SCAN_CONTEXT / 2) & ~(size_t)3 : 0;
	scan_block(f->scan, buffer, f->len, f->offset, f->probed, to);
	if (to > f->probed) f->probed = to;
	if (f->len <= SCAN_CONTEXT) return;
	size_t drop = (f->len - SCAN_CONTEXT) & ~(size_t)3;
	if (drop > f->probed) drop = f->probed;
	memmove(buffer, buffer + drop, f->len - drop);
	f->offset += drop;
	f->len -= drop;
	f->probed -= drop;
}

bool source_fd(struct scan *s, int fd, struct source_result *out)
{
	struct feed f;
	feed_begin(&f, s, 0);
	for (;;) {
		ssize_t n = read(fd, buffer + f.len, sizeof buffer - f.len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return false;
		if (n == 0) break;
		f.len += (size_t)n;
		out->bytes += (uint64_t)n;
		feed_scan(&f, false);
	}
	feed_scan(&f, true);
	return true;
}

bool source_file(struct scan *s, const char *path, struct source_result *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) return false;
	(void)ioctl(fd, BLKFLSBUF, 0); /* a device: what was read before may be old by now */
	bool ok = source_fd(s, fd, out);
	int error = errno;
	close(fd);
	errno = error;
	return ok;
}

/* One region: what cannot be read is stepped over page by page, and ends a stream. */
static void scan_region(struct scan *s, int mem, uint64_t begin, uint64_t end, struct source_result *out)
{
	struct feed f;
	uint64_t unreadable = out->unreadable;
	feed_begin(&f, s, begin);
	for (uint64_t at = begin; at < end;) {
		size_t want = sizeof buffer - f.len < end - at ? sizeof buffer - f.len : (size_t)(end - at);
		ssize_t n = pread(mem, buffer + f.len, want, (off_t)at);
		if (n > 0) {
			f.len += (size_t)n;
			at += (uint64_t)n;
			out->bytes += (uint64_t)n;
			feed_scan(&f, false);
			continue;
		}
		feed_scan(&f, true);
		uint64_t next = (at / PAGE + 1) * PAGE;
		if (next > end) next = end;
		out->unreadable += next - at;
		at = next;
		feed_begin(&f, s, at);
	}
	feed_scan(&f, true);
	out->regions += out->unreadable > unreadable;
}

bool source_memory(struct scan *s, pid_t pid, enum source_regions which, source_region_fn *region, void *user, struct source_result *out)
{
	char path[64], line[512];
	uint64_t before = out->bytes;
	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	int mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	FILE *maps = mem < 0 ? NULL : fopen(path, "re");
	while (maps && fgets(line, sizeof line, maps)) {
		uint64_t begin, end;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &begin, &end) != 2 || end - begin > REGION_MAX) continue;
		bool ring = strstr(line, "/memfd:coffer-ring") != NULL;
		if (strstr(line, "[vsyscall]") || (ring && which == SOURCE_BUT_RINGS) || (!ring && which == SOURCE_RINGS)) continue;
		region(user, line);
		scan_region(s, mem, begin, end, out);
	}
	bool opened = maps != NULL;
	if (maps) fclose(maps);
	if (mem >= 0) close(mem);
	return opened && (which == SOURCE_RINGS || out->bytes > before);
}

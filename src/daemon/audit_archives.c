/* Finding archives by what is in them. */
#include "daemon/audit_archives.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/line.h"
#include "base/cleanup.h"
#include "base/log.h"

#define NAME_BYTES 256u /* of a name in a folder, with NUL */
#define SHORT_LINE 2048u /* bytes: more than a header, or a checkpoint, with its newline */
#define DROP_MAX 64u    /* archives that are removed at a time */

struct archive {
	char name[NAME_BYTES];
	uint64_t first, last;
};

static bool parse_name(const struct audit_archives *a, const char *name, struct archive *out)
{
	int end = 0;
	size_t len = strlen(a->name);
	if (strncmp(name, a->name, len) != 0 || name[len] != '.') return false;
	if (sscanf(name + len + 1, "%20" SCNu64 "-%20" SCNu64 "%n", &out->first, &out->last, &end) != 2 || out->first == 0 || out->first > out->last) return false;
	if (name[len + 1 + (size_t)end] != '\0' || strlen(name) >= sizeof out->name) return false;
	snprintf(out->name, sizeof out->name, "%s", name);
	return true;
}

/* ---- what is in it ---- */

struct ends {
	struct audit_line *line;
	uint8_t bytes[SHORT_LINE];
};

static int open_archive(const struct audit_archives *a, const struct archive *archive, off_t *out_size)
{
	struct stat st;
	int fd = openat(a->folder_fd, archive->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*out_size = st.st_size;
		return fd;
	}
	close(fd);
	return -1;
}

static size_t read_at(int fd, uint8_t *out, size_t cap, off_t at)
{
	size_t have = 0;
	while (have < cap) {
		ssize_t n = pread(fd, out + have, cap - have, at + (off_t)have);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) break;
		have += (size_t)n;
	}
	return have;
}

static bool is_this_node(const struct audit_archives *a, const struct domain_id *domain)
{
	return memcmp(domain->id, a->domain->id, UUID_LEN) == 0 && memcmp(domain->node_id, a->domain->node_id, UUID_LEN) == 0;
}

static bool begins_right(const struct audit_archives *a, const struct archive *archive, int fd, struct ends *e)
{
	size_t len = read_at(fd, e->bytes, sizeof e->bytes, 0);
	const uint8_t *end = memchr(e->bytes, '\n', len);
	if (!end || audit_line_read(view_of(e->bytes, (size_t)(end - e->bytes)), e->line) != ERR_OK) return false;
	return e->line->kind == AUDIT_LINE_HEADER && is_this_node(a, &e->line->domain) && e->line->before.seq + 1 == archive->first;
}

/* The last line: what it says under the domain's signature is the place. */
static bool ends_right(const struct audit_archives *a, const struct archive *archive, int fd, off_t size, struct ends *e, struct audit_place *out)
{
	off_t at = size > (off_t)sizeof e->bytes ? size - (off_t)sizeof e->bytes : 0;
	size_t len = read_at(fd, e->bytes, sizeof e->bytes, at);
	if (len < 2 || e->bytes[len - 1] != '\n') return false;
	const uint8_t *before = memrchr(e->bytes, '\n', len - 1);
	if (!before || audit_line_read(view_of(before + 1, (size_t)(e->bytes + len - 1 - (before + 1))), e->line) != ERR_OK) return false;
	const struct audit_checkpoint *c = &e->line->checkpoint;
	if (e->line->kind != AUDIT_LINE_CHECKPOINT || !is_this_node(a, &e->line->domain) || c->at.seq != archive->last) return false;
	if (audit_checkpoint_verify(a->domain, c) != ERR_OK) return false;
	*out = c->at;
	return true;
}

/* out NULL: its end does not matter. */
static bool is_ours(const struct audit_archives *a, const struct archive *archive, struct ends *e, struct audit_place *out)
{
	off_t size = 0;
	AUTO_FD int fd = open_archive(a, archive, &size);
	return fd >= 0 && begins_right(a, archive, fd, e) && (!out || ends_right(a, archive, fd, size, e, out));
}

/* ---- the folder ---- */

static DIR *open_folder(const struct audit_archives *a)
{
	int fd = openat(a->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0) close(fd);
	return dir;
}

static enum coffer_err begin_ends(struct ends *e)
{
	e->line = malloc(sizeof *e->line);
	return e->line ? ERR_OK : ERR_MEMORY;
}

/* The highest number below `below`, by name. False: none. */
static bool highest_name(const struct audit_archives *a, DIR *dir, uint64_t below, struct archive *out)
{
	struct archive one;
	out->last = 0;
	rewinddir(dir);
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (parse_name(a, entry->d_name, &one) && one.last < below && one.last > out->last) *out = one;
	return out->last != 0;
}

enum coffer_err audit_archives_newest(const struct audit_archives *a, struct audit_place *out)
{
	struct ends ends = { .line = NULL };
	struct archive found = { .last = UINT64_MAX };
	*out = (struct audit_place){ .seq = 0 };
	DIR *dir = open_folder(a);
	ENSURE(dir, errno == ENOENT || errno == EACCES ? ERR_DENIED : errno == ENOMEM ? ERR_MEMORY : ERR_IO);
	enum coffer_err err = begin_ends(&ends);
	while (!err && out->seq == 0 && highest_name(a, dir, found.last, &found)) {
		if (!is_ours(a, &found, &ends, out)) log_warn("audit export: %s is called like an archive of this audit log, and is none", found.name);
	}
	closedir(dir);
	free(ends.line);
	return err;
}

/* How many are this node's, and the oldest of them. */
static unsigned count(const struct audit_archives *a, DIR *dir, struct ends *e, struct archive *oldest)
{
	struct archive one;
	unsigned n = 0;
	oldest->last = UINT64_MAX;
	rewinddir(dir);
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (!parse_name(a, entry->d_name, &one) || !is_ours(a, &one, e, NULL)) continue;
		n++;
		if (one.last < oldest->last) *oldest = one;
	}
	return n;
}

void audit_archives_drop(const struct audit_archives *a, unsigned keep)
{
	struct ends ends = { .line = NULL };
	struct archive oldest;
	DIR *dir = open_folder(a);
	bool good = dir && begin_ends(&ends) == ERR_OK;
	if (!good) log_warn("audit export: old archives cannot be looked for: %m");
	for (unsigned i = 0; good && i < DROP_MAX && count(a, dir, &ends, &oldest) > keep; i++) {
		good = unlinkat(a->folder_fd, oldest.name, 0) == 0;
		if (good) log_info("audit export: the old archive %s was removed, as audit_archives_keep says", oldest.name);
		else log_warn("audit export: the old archive %s cannot be removed: %m", oldest.name);
	}
	if (dir) closedir(dir);
	free(ends.line);
}

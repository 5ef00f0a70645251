/* The file, and its archives. It remembers nothing beside itself: what it holds says where to go on. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/proof.h"
#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "daemon/audit_archives.h"
#include "daemon/audit_sink.h"

#define PATH_MAX_BYTES 4096
#define BLOCK (2u * AUDIT_LINE_MAX) /* bytes that are read at a time */
#define ASIDE_MAX 1000u

struct audit_sink {
	const char *path;
	char folder[PATH_MAX_BYTES];
	const char *name;      /* in the folder */
	int folder_fd, fd;     /* -1 */
	off_t size;            /* bytes of whole lines that are on the disk */
	uint64_t first;        /* record behind its header; 0: there is no header yet */
	struct domain_id domain; /* and node, of whom the log is */
	bool lost;             /* what was in the file is in none that counts any more */
};

struct audit_sink *audit_sink_file_new(const char *path)
{
	struct audit_sink *s = calloc(1, sizeof *s);
	const char *slash = strrchr(path, '/');
	if (!s || !slash) {
		free(s);
		return NULL;
	}
	*s = (struct audit_sink){ .path = path, .name = slash + 1, .folder_fd = -1, .fd = -1 };
	snprintf(s->folder, sizeof s->folder, "%.*s", (int)(slash == path ? 1 : slash - path), path);
	return s;
}

static enum coffer_err failed(void)
{
	switch (errno) {
	case ENOSPC: case EDQUOT: case EFBIG: return ERR_FULL;
	case ENOENT: return ERR_NOT_FOUND;
	case EACCES: case EPERM: return ERR_DENIED;
	case ENOMEM: return ERR_MEMORY;
	default: return ERR_IO;
	}
}

static void close_file(struct audit_sink *s)
{
	if (s->fd >= 0) close(s->fd);
	s->fd = -1;
	s->first = 0;
	s->size = 0;
}

static void close_all(struct audit_sink *s)
{
	close_file(s);
	if (s->folder_fd >= 0) close(s->folder_fd);
	free(s);
}

/* A regular file of this user's, whatever somebody put there. */
static enum coffer_err open_file(struct audit_sink *s)
{
	struct stat st;
	if (s->folder_fd < 0) s->folder_fd = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ENSURE(s->folder_fd >= 0, failed());
	s->fd = openat(s->folder_fd, s->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
	ENSURE(s->fd >= 0, errno == ELOOP ? ERR_DENIED : failed());
	if (fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1) {
		if (st.st_size == 0 && fchmod(s->fd, 0640) != 0) log_warn("audit export: %s keeps its mode: %m", s->path); /* whatever the umask */
		return ERR_OK;
	}
	close_file(s);
	return ERR_DENIED;
}

/* A folder that is not there is not a file that is not there yet; one that is made anew is another. */
static enum coffer_err open_in_folder(struct audit_sink *s)
{
	enum coffer_err err = open_file(s);
	if (err != ERR_NOT_FOUND) return err;
	if (s->folder_fd >= 0) close(s->folder_fd);
	s->folder_fd = -1;
	return ERR_DENIED;
}

/* ---- archives ---- */

static struct audit_archives archives_of(const struct audit_sink *s)
{
	return (struct audit_archives){ s->folder_fd, s->name, &s->domain };
}

/* Never over another file. */
static enum coffer_err rename_to(struct audit_sink *s, const char *to)
{
	ENSURE(renameat2(s->folder_fd, s->name, s->folder_fd, to, RENAME_NOREPLACE) == 0, errno == EEXIST ? ERR_EXISTS : failed());
	if (fsync(s->folder_fd) != 0) log_warn("audit export: the folder %s cannot be synced: %m", s->folder);
	close_file(s);
	return ERR_OK;
}

static enum coffer_err put_aside(struct audit_sink *s)
{
	char to[PATH_MAX_BYTES];
	enum coffer_err err = ERR_EXISTS;
	for (unsigned i = 1; i <= ASIDE_MAX && err == ERR_EXISTS; i++) {
		snprintf(to, sizeof to, "%s.aside-%u", s->name, i);
		err = rename_to(s, to);
	}
	if (!err) log_error("audit export: %s is not a part of this audit log, or was changed: it is kept as %s, and a new file begins", s->path, to);
	return err;
}

/* The same numbers can be there already only when the store went back to an older state: that file is kept too. */
static enum coffer_err archive(struct audit_sink *s, unsigned keep, uint64_t last)
{
	char to[PATH_MAX_BYTES];
	snprintf(to, sizeof to, "%s.%012" PRIu64 "-%012" PRIu64, s->name, s->first, last);
	enum coffer_err err = rename_to(s, to);
	struct audit_archives archives = archives_of(s);
	if (!err && keep) audit_archives_drop(&archives, keep);
	return err == ERR_EXISTS ? put_aside(s) : err;
}

/* ---- what is there ---- */

struct scan {
	struct audit_proof *proof;
	uint64_t findings;
	off_t whole; /* bytes of whole lines */
};

/* What the node left out and said so, and what the token says, is no reason to begin anew: the store is asked whether it is this chain. */
static void take_finding(void *arg, const struct audit_finding *finding)
{
	struct scan *scan = arg;
	bool is_about_token = finding->kind == AUDIT_TOKEN_FORGED || finding->kind == AUDIT_TOKEN_KEY || finding->kind == AUDIT_TOKEN_NONE;
	if (finding->kind != AUDIT_GAP && !is_about_token) scan->findings++;
}

/* Ends at a line that is longer than any; it counts as a finding. */
static enum coffer_err scan_lines(struct audit_sink *s, struct scan *scan, uint8_t *block)
{
	size_t have = 0;
	off_t at = 0;
	for (;;) {
		ssize_t got = pread(s->fd, block + have, BLOCK - have, at);
		if (got < 0 && errno == EINTR) continue;
		ENSURE(got >= 0, failed());
		if (got == 0) return ERR_OK;
		at += got;
		have += (size_t)got;
		size_t begin = 0;
		for (const uint8_t *end; (end = memchr(block + begin, '\n', have - begin)) != NULL; begin = (size_t)(end - block) + 1)
			audit_proof_line(scan->proof, view_of(block + begin, (size_t)(end - (block + begin))));
		scan->whole += (off_t)begin;
		have -= begin;
		memmove(block, block + begin, have);
		if (have == BLOCK) {
			scan->findings++;
			return ERR_OK;
		}
	}
}

static enum coffer_err scan_file(struct audit_sink *s, const struct domain_id *domain, struct scan *scan, struct audit_proof_result *result)
{
	struct audit_trust trust = { .by_key = true };
	memcpy(trust.key, domain->public_key, sizeof trust.key);
	uint8_t *block = malloc(BLOCK);
	scan->proof = audit_proof_new(&trust, take_finding, scan);
	enum coffer_err err = block && scan->proof ? ERR_OK : ERR_MEMORY;
	if (!err) {
		audit_proof_file(scan->proof, s->path);
		err = scan_lines(s, scan, block);
	}
	if (!err) audit_proof_end(scan->proof, true, result);
	free(block);
	return err;
}

static bool is_this_node(const struct audit_proof_result *result, const struct domain_id *domain)
{
	return result->begun && memcmp(result->domain.id, domain->id, UUID_LEN) == 0 && memcmp(result->domain.node_id, domain->node_id, UUID_LEN) == 0;
}

/* Renamed is not removed: it was moved away, and whoever did that has it. */
static bool is_removed(const struct audit_sink *s)
{
	struct stat own;
	return s->fd >= 0 && fstat(s->fd, &own) == 0 && own.st_nlink == 0;
}

static bool lost(const struct audit_sink *s)
{
	return s->lost;
}

static enum coffer_err locate(struct audit_sink *s, const struct domain_id *domain, struct audit_place *out, uint64_t *out_signed_to, uint64_t *out_seq)
{
	struct scan scan = { .whole = 0 };
	struct audit_proof_result result = { .begun = false };
	s->lost = s->lost || is_removed(s); /* until something is written anew */
	s->domain = *domain;
	close_file(s);
	TRY(open_in_folder(s));
	enum coffer_err err = scan_file(s, domain, &scan, &result);
	if (!err) *out = *audit_proof_place(scan.proof);
	audit_proof_free(scan.proof);
	TRY(err);
	if (scan.whole > 0 && (scan.findings || !is_this_node(&result, domain))) {
		s->lost = true;
		TRY(put_aside(s));
		TRY(open_in_folder(s));
		scan.whole = 0;
	}
	/* What a crash left of a line; in a file without any line it is all that there is. */
	ENSURE(ftruncate(s->fd, scan.whole) == 0, failed());
	s->size = scan.whole;
	if (scan.whole == 0) {
		const struct audit_archives archives = archives_of(s);
		TRY(audit_archives_newest(&archives, out));
		*out_seq = out->seq;
		return ERR_NOT_FOUND;
	}
	s->lost = false;
	s->first = result.first;
	*out_signed_to = result.signed_to;
	return ERR_OK;
}

/* ---- writing ---- */

static bool wants_header(const struct audit_sink *s)
{
	return s->first == 0;
}

static bool wants_checkpoint(const struct audit_sink *s, const struct config *config, size_t more)
{
	return (uint64_t)s->size + more >= config->audit_archive_size;
}

/* Whether the file is still where it was: somebody may have moved it, or removed it. */
static bool is_in_place(const struct audit_sink *s)
{
	struct stat there, own;
	return fstatat(s->folder_fd, s->name, &there, AT_SYMLINK_NOFOLLOW) == 0 && fstat(s->fd, &own) == 0 && there.st_ino == own.st_ino &&
		there.st_dev == own.st_dev;
}

static enum coffer_err write_all(struct audit_sink *s, struct view bytes)
{
	size_t done = 0;
	while (done < bytes.len) {
		ssize_t n = pwrite(s->fd, bytes.ptr + done, bytes.len - done, s->size + (off_t)done);
		if (n < 0 && errno == EINTR) continue;
		ENSURE(n > 0, n < 0 ? failed() : ERR_FULL);
		done += (size_t)n;
	}
	return fdatasync(s->fd) == 0 ? ERR_OK : failed();
}

static enum coffer_err put(struct audit_sink *s, const struct config *config, struct audit_batch *batch)
{
	ENSURE(s->fd >= 0 && is_in_place(s), ERR_STATE); /* looked at anew */
	enum coffer_err err = write_all(s, view_of(batch->at, batch->len));
	if (err) {
		if (ftruncate(s->fd, s->size) != 0) log_warn("audit export: %s cannot be cut back: %m", s->path);
		return err;
	}
	s->lost = false;
	if (s->first == 0) s->first = batch->first;
	s->size += (off_t)batch->len;
	batch->at += batch->len;
	batch->len = 0;
	bool full = batch->sealed && (uint64_t)s->size >= config->audit_archive_size && batch->place->seq >= s->first;
	return full ? archive(s, config->audit_archives_keep, batch->place->seq) : ERR_OK;
}

const struct audit_sink_ops audit_sink_file = { "file", false, locate, lost, put_aside, wants_header, wants_checkpoint, put, close_all };

/* An archive as a file: opened, and read piece by piece. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/archive_internal.h"

#include "base/reader.h"

#define READ_AHEAD (256u * 1024u)

const struct archive_header *archive_header_of(const struct archive *a)
{
	return &a->facts.header;
}

const struct store_row *archive_stanza_row(const struct archive *a)
{
	return &a->stanza_row;
}

void archive_facts(const struct archive *a, struct archive_facts *out)
{
	PRE(a->passed);
	*out = a->facts;
}

void archive_free(struct archive *a)
{
	if (!a) return;
	bytes_free(&a->stanza_member);
	bytes_free(&a->root_member);
	bytes_free(&a->canary);
	bytes_free(&a->in);
	free(a);
}

DEFINE_AUTO(struct archive, archive_free)

void archive_rewind(struct archive *a)
{
	a->in.len = a->pos = 0;
	a->offset = 0;
}

uint64_t archive_left(const struct archive *a)
{
	return a->facts.size - a->offset + (a->in.len - a->pos);
}

static enum coffer_err fill(struct archive *a, size_t n, struct reason *reason)
{
	bytes_consume(&a->in, a->pos);
	a->pos = 0;
	size_t want = n > READ_AHEAD ? n : READ_AHEAD;
	if (want - a->in.len > a->facts.size - a->offset) want = a->in.len + (size_t)(a->facts.size - a->offset);
	TRY(bytes_reserve(&a->in, want - a->in.len));
	while (a->in.len < want) {
		ssize_t got = pread(a->fd, a->in.ptr + a->in.len, want - a->in.len, (off_t)a->offset);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return reason_fail(reason, ERR_IO, "the archive cannot be read: %s; check the disk it is on", strerror(errno));
		if (got == 0) return reason_fail(reason, ERR_TRUNCATED, "the archive became shorter while it was read; use another copy");
		a->in.len += (size_t)got;
		a->offset += (uint64_t)got;
	}
	return ERR_OK;
}

enum coffer_err archive_take(struct archive *a, size_t n, struct view *out, struct reason *reason)
{
	if (n > archive_left(a)) return reason_fail(reason, ERR_TRUNCATED, "the archive ends too early: it was cut off or is damaged; use another copy");
	if (n > a->in.len - a->pos) TRY(fill(a, n, reason));
	*out = view_of(a->in.ptr + a->pos, n);
	a->pos += n;
	return ERR_OK;
}

enum coffer_err archive_next(struct archive *a, uint8_t *out_type, struct view *out_whole, struct view *out_content, struct reason *reason)
{
	struct view front = view_of(NULL, 0), whole = view_of(NULL, 0);
	TRY(archive_take(a, MEMBER_FRONT, &front, reason));
	struct reader r;
	uint8_t type = 0;
	uint32_t len = 0;
	reader_init(&r, front);
	TRY(reader_u8(&r, &type));
	TRY(reader_u32(&r, &len));
	if (len > member_len_max(type)) /* also: no such type */
		return reason_fail(reason, ERR_CORRUPT, "the archive is damaged: a member of type %u with %u bytes cannot be; use another copy", type, len);
	a->pos -= MEMBER_FRONT;
	TRY(archive_take(a, MEMBER_FRONT + len, &whole, reason));
	*out_type = type;
	*out_whole = whole;
	*out_content = view_of(whole.ptr + MEMBER_FRONT, len);
	return ERR_OK;
}

enum coffer_err archive_take_preamble(struct archive *a, struct view *out, struct reason *reason)
{
	uint8_t want[PREAMBLE_LEN];
	struct view front = view_of(NULL, 0);
	TRY(archive_take(a, PREAMBLE_LEN, &front, reason));
	member_preamble(want);
	if (front.len != PREAMBLE_LEN || memcmp(front.ptr, want, 4) != 0) return reason_fail(reason, ERR_FOREIGN, "this is not a backup archive of Coffer");
	if (memcmp(front.ptr, want, sizeof want) != 0)
		return reason_fail(reason, ERR_VERSION, "this archive has format %u, which this version does not know: use another copy, which may be whole, or a newer Coffer", front.ptr[4]);
	*out = front;
	return ERR_OK;
}

static enum coffer_err expect(struct archive *a, enum member_type type, struct view *out, struct reason *reason)
{
	struct view whole = view_of(NULL, 0);
	uint8_t got = 0;
	TRY(archive_next(a, &got, &whole, out, reason));
	if (got != type) return reason_fail(reason, ERR_CORRUPT, "the archive is damaged: its members are not in order; use another copy");
	return ERR_OK;
}

static enum coffer_err keep_row(struct archive *a, enum member_type type, enum store_table table, struct bytes *to, struct store_row *row,
	struct reason *reason)
{
	struct view content = view_of(NULL, 0);
	enum store_table got = STORE_TABLE_END;
	TRY(expect(a, type, &content, reason));
	TRY(bytes_append(to, content));
	if (member_row_read(bytes_view(to), &got, row) != ERR_OK || got != table)
		return reason_fail(reason, ERR_CORRUPT, "the archive is damaged: its %s is malformed; use another copy",
			type == MEMBER_STANZA ? "recovery stanza" : "version root");
	return ERR_OK;
}

/* The stanza is signed by itself: nothing in it is used before that holds. */
static enum coffer_err check_stanza(struct archive *a, struct reason *reason)
{
	struct domain_id domain;
	struct stanza_wrap first;
	struct archive_facts *f = &a->facts;
	archive_domain(&f->header, &domain);
	enum coffer_err err = stanza_parse(&a->stanza_row, &a->stanza, reason);
	if (err == ERR_VERSION) /* nothing has vouched for these bytes yet */
		return reason_fail(reason, err, "the archive's recovery stanza has a format that this version does not know: use another copy, which may be whole, or a newer Coffer");
	TRY(err);
	TRY(stanza_verify(&domain, &a->stanza_row, &a->stanza, reason));
	if (memcmp(a->stanza.key_id, f->header.recovery_key_id, RECOVERY_KEY_ID_LEN) != 0 || a->stanza_row.state != STANZA_CURRENT)
		return reason_fail(reason, ERR_CORRUPT, "the archive is damaged: its recovery stanza is not the one that its header names; use another copy");
	stanza_wrap_at(&a->stanza, 0, &first);
	f->mode = a->stanza.mode;
	f->k = f->mode == STANZA_SHARES ? a->stanza.shares.k : 0;
	f->n = f->mode == STANZA_SHARES ? a->stanza.shares.n : 0;
	f->generations = a->stanza.count;
	f->first_generation = first.generation;
	return ERR_OK;
}

static enum coffer_err read_front(struct archive *a, struct reason *reason)
{
	struct view content = view_of(NULL, 0);
	TRY(archive_take_preamble(a, &content, reason));
	TRY(expect(a, MEMBER_HEADER, &content, reason));
	enum coffer_err err = member_header_read(content, &a->facts.header);
	if (err) return reason_default(reason, err, "the archive is damaged: its header is not sound; use another copy");
	memcpy(a->header, content.ptr, HEADER_LEN);
	TRY(keep_row(a, MEMBER_STANZA, STORE_RECOVERY, &a->stanza_member, &a->stanza_row, reason));
	TRY(check_stanza(a, reason));
	return keep_row(a, MEMBER_ROOT, STORE_DOMAIN, &a->root_member, &a->root_row, reason);
}

enum coffer_err archive_open(int fd, struct archive **out, struct reason *reason)
{
	struct stat st;
	AUTO(auto_archive_free) struct archive *a = calloc(1, sizeof *a);
	ENSURE(a, ERR_MEMORY);
	a->fd = fd;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return reason_fail(reason, ERR_USAGE, "the archive must be a file");
	if (st.st_size < 0 || (uint64_t)st.st_size > ARCHIVE_LEN_MAX) return reason_fail(reason, ERR_TOO_LARGE, "the file is too large to be an archive");
	a->facts.size = (uint64_t)st.st_size;
	TRY(read_front(a, reason));
	*out = TAKE(a);
	return ERR_OK;
}

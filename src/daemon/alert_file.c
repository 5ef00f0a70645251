/* Two slots in a file that never grows, written in turn. */
#include "daemon/alert_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"

#define MAGIC "CFRALRT1"
#define MAGIC_LEN (sizeof MAGIC - 1)
#define HEAD_LEN (MAGIC_LEN + 8u + 4u) /* magic, turn, length */
#define SLOT_LEN 12288u
#define SLOTS 2u
_Static_assert(HEAD_LEN + ALERT_RECORD_MAX + HASH_SHA256_LEN <= SLOT_LEN, "a record fits into its slot");

/* The record of a valid slot; its bytes stay in `slot`. */
static enum coffer_err parse(const uint8_t slot[static SLOT_LEN], uint64_t *out_turn, struct view *out_record)
{
	uint8_t digest[HASH_SHA256_LEN];
	struct reader r;
	struct view magic;
	uint32_t len;
	reader_init(&r, view_of(slot, SLOT_LEN));
	TRY(reader_view(&r, MAGIC_LEN, &magic));
	ENSURE(view_equal_str(magic, MAGIC), ERR_CORRUPT);
	TRY(reader_u64(&r, out_turn));
	TRY(reader_u32(&r, &len));
	ENSURE(len <= ALERT_RECORD_MAX, ERR_CORRUPT);
	TRY(hash_sha256(view_of(slot, HEAD_LEN + len), digest));
	ENSURE(memcmp(digest, slot + HEAD_LEN + len, sizeof digest) == 0, ERR_CORRUPT);
	*out_record = view_of(slot + HEAD_LEN, len);
	return ERR_OK;
}

static void load(struct alert_file *f, struct alerts *alerts)
{
	uint8_t bytes[SLOTS][SLOT_LEN] = { { 0 } };
	struct view record = { NULL, 0 };
	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t turn;
		struct view found;
		if (pread(f->fd, bytes[i], SLOT_LEN, (off_t)i * SLOT_LEN) != (ssize_t)SLOT_LEN) continue;
		if (parse(bytes[i], &turn, &found) != ERR_OK || turn <= f->turn) continue;
		f->turn = turn;
		f->slot = 1 - i;
		record = found;
	}
	if (f->turn && alerts_load(alerts, record) != ERR_OK) log_warn(ALERT_FILE_NAME " is not what this program writes: alerts begin anew");
}

static bool prepare(struct alert_file *f)
{
	struct stat st;
	if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)) {
		errno = EPERM;
		return false;
	}
	int rc = st.st_size == (off_t)(SLOTS * SLOT_LEN) ? 0 : posix_fallocate(f->fd, 0, SLOTS * SLOT_LEN);
	errno = rc;
	return rc == 0;
}

void alert_file_open(struct alert_file *f, const char *state_dir, struct alerts *alerts)
{
	char path[4096];
	*f = (struct alert_file){ .fd = -1 };
	if (snprintf(path, sizeof path, "%s/" ALERT_FILE_NAME, state_dir) >= (int)sizeof path) return;
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	f->fd = fd;
	if (fd >= 0 && prepare(f)) {
		load(f, alerts);
		f->fd = TAKE_FD(fd);
		return;
	}
	log_warn("%s cannot be used (%m): alerts that are told may be told again after a restart", path);
	f->fd = -1;
}

static enum coffer_err make_slot(struct alert_file *f, struct alerts *alerts, uint8_t out[static SLOT_LEN])
{
	struct writer w;
	size_t len;
	memset(out, 0, SLOT_LEN);
	TRY(alerts_save(alerts, out + HEAD_LEN, ALERT_RECORD_MAX, &len));
	writer_init(&w, out, HEAD_LEN);
	writer_bytes(&w, view_str(MAGIC));
	writer_u64(&w, f->turn + 1);
	writer_u32(&w, (uint32_t)len);
	TRY(writer_done(&w));
	return hash_sha256(view_of(out, HEAD_LEN + len), out + HEAD_LEN + len);
}

bool alert_file_save(struct alert_file *f, struct alerts *alerts)
{
	uint8_t slot[SLOT_LEN];
	if (f->fd < 0) return false;
	enum coffer_err err = make_slot(f, alerts, slot);
	bool kept = !err && pwrite(f->fd, slot, sizeof slot, (off_t)f->slot * SLOT_LEN) == (ssize_t)sizeof slot && fdatasync(f->fd) == 0;
	if (!kept && !f->failed) log_warn(ALERT_FILE_NAME " cannot be written (%s): alerts that are told may be told again after a restart", err ? err_text(err) : strerror(errno));
	f->failed = !kept;
	if (!kept) return false;
	f->turn++;
	f->slot = 1 - f->slot;
	return true;
}

void alert_file_close(struct alert_file *f)
{
	if (f->fd >= 0) close(f->fd);
	f->fd = -1;
}

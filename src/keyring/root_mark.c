/* Two slots, written in turn. */
#include "keyring/root_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "crypto/mac.h"
#include "keyring/label.h"
#include "keyring/root_mark_internal.h"

#define MAGIC "CFRM"
#define FORMAT 2u
#define FORMAT_WITHOUT_CHECK 1u
#define SLOTS 2u
#define SLOT_LEN 64u
#define FIELDS_LEN 52u /* of a slot, before its check */
#define CHECK_LEN 8u

enum coffer_err root_mark_open(const char *path, struct root_mark **out, struct reason *reason)
{
	struct stat st;
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 && errno == ELOOP)
		return reason_fail(reason, ERR_USAGE, "%s is a symbolic link; put the file itself there", path);
	if (fd < 0 || fstat(fd, &st) != 0)
		return reason_fail(reason, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, "%s cannot be opened: %s; check the disk", path,
			strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return reason_fail(reason, ERR_USAGE, "%s must be a file of this user that nobody else can read (mode 0600)", path);
	struct root_mark *mark = calloc(1, sizeof *mark);
	ENSURE(mark, ERR_MEMORY);
	mark->fd = TAKE_FD(fd);
	*out = mark;
	return ERR_OK;
}

void root_mark_close(struct root_mark *mark)
{
	if (!mark) return;
	root_mark_sync(mark);
	close(mark->fd);
	free(mark);
}

static enum coffer_err make_mac(struct ring *ring, uint32_t generation, uint64_t version, uint8_t out[static MAC_LEN])
{
	uint8_t message[96];
	struct writer w;
	const struct secret *key;
	const struct domain_id *domain = ring_domain(ring);
	TRY(ring_subkey(ring, generation, SUBKEY_ANCHOR, &key));
	writer_init(&w, message, sizeof message);
	label_write(&w, "root-mark");
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_u32(&w, generation);
	writer_u64(&w, version);
	TRY(writer_done(&w));
	const struct view part = writer_view(&w);
	return mac_hmac_sha256(secret_view(key), &part, 1, out);
}

struct slot_fields {
	uint32_t generation;
	uint64_t version;
	uint8_t mac[MAC_LEN];
	bool is_whole; /* not torn by a power cut; unknown of the first format, where it says false */
};

static enum coffer_err make_check(const uint8_t slot[static SLOT_LEN], uint8_t out[static CHECK_LEN])
{
	uint8_t digest[HASH_SHA256_LEN];
	TRY(hash_sha256(view_of(slot, FIELDS_LEN), digest));
	memcpy(out, digest, CHECK_LEN);
	return ERR_OK;
}

static enum coffer_err parse_slot(const uint8_t slot[static SLOT_LEN], struct slot_fields *out)
{
	struct reader r;
	struct view magic;
	uint8_t format, reserved[3], check[CHECK_LEN];
	reader_init(&r, view_of(slot, FIELDS_LEN));
	TRY(reader_view(&r, sizeof MAGIC - 1, &magic));
	TRY(reader_u8(&r, &format));
	TRY(reader_bytes(&r, reserved, sizeof reserved));
	ENSURE(view_equal_str(magic, MAGIC) && (reserved[0] | reserved[1] | reserved[2]) == 0, ERR_CORRUPT);
	ENSURE(format == FORMAT || format == FORMAT_WITHOUT_CHECK, ERR_CORRUPT);
	TRY(make_check(slot, check));
	out->is_whole = format == FORMAT && memcmp(slot + FIELDS_LEN, check, sizeof check) == 0;
	TRY(reader_u32(&r, &out->generation));
	TRY(reader_u64(&r, &out->version));
	return reader_bytes(&r, out->mac, sizeof out->mac);
}

static enum coffer_err read_slot(struct ring *ring, const uint8_t slot[static SLOT_LEN], uint64_t *out_version)
{
	struct slot_fields fields;
	uint8_t right[MAC_LEN];
	TRY(parse_slot(slot, &fields));
	TRY(make_mac(ring, fields.generation, fields.version, right));
	ENSURE(ct_equal(fields.mac, right, sizeof right), ERR_CORRUPT);
	*out_version = fields.version;
	return ERR_OK;
}

static bool is_empty(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;
	for (size_t i = 0; i < len; i++) any |= bytes[i];
	return any == 0;
}

enum coffer_err root_mark_read(struct root_mark *mark, struct ring *ring, uint64_t *out_version)
{
	uint8_t slots[SLOTS][SLOT_LEN] = { { 0 } };
	uint64_t best = 0, version = 0;
	ssize_t got = pread(mark->fd, slots, sizeof slots, 0);
	ENSURE(got >= 0, ERR_IO);
	for (size_t i = 0; i < SLOTS; i++)
		if (read_slot(ring, slots[i], &version) == ERR_OK && version > best) best = version;
	ENSURE(best != 0, is_empty(slots[0], sizeof slots) ? ERR_NOT_FOUND : ERR_CORRUPT);
	*out_version = best;
	return ERR_OK;
}

uint32_t root_mark_generation(struct root_mark *mark)
{
	uint8_t slots[SLOTS][SLOT_LEN] = { { 0 } };
	struct slot_fields fields;
	uint32_t newest = 0;
	if (pread(mark->fd, slots, sizeof slots, 0) < 0) return 0;
	for (size_t i = 0; i < SLOTS; i++)
		if (parse_slot(slots[i], &fields) == ERR_OK && fields.is_whole && fields.generation > newest) newest = fields.generation;
	return newest;
}

void root_mark_clear(struct root_mark *mark)
{
	memset(mark->places, 0, sizeof mark->places);
	if (ftruncate(mark->fd, 0) != 0) log_warn("the mark beside the store cannot be emptied: %s", strerror(errno));
}

static enum coffer_err write_slot(struct root_mark *mark, struct ring *ring, uint64_t version)
{
	uint8_t slot[SLOT_LEN], mac[MAC_LEN];
	struct writer w;
	uint32_t generation = ring_newest(ring);
	TRY(make_mac(ring, generation, version, mac));
	writer_init(&w, slot, sizeof slot);
	writer_bytes(&w, view_str(MAGIC));
	writer_u8(&w, FORMAT);
	writer_zero(&w, 3);
	writer_u32(&w, generation);
	writer_u64(&w, version);
	writer_bytes(&w, view_of(mac, sizeof mac));
	writer_zero(&w, SLOT_LEN - FIELDS_LEN);
	TRY(writer_done(&w));
	TRY(make_check(slot, slot + FIELDS_LEN));
	ENSURE(pwrite(mark->fd, slot, sizeof slot, (off_t)(version % SLOTS * SLOT_LEN)) == (ssize_t)sizeof slot, ERR_IO);
	return ERR_OK;
}

void root_mark_write(struct root_mark *mark, struct ring *ring, uint64_t version)
{
	enum coffer_err err = write_slot(mark, ring, version);
	if (err && !mark->failed) log_warn("the mark beside the store cannot be written: %s; an older store put back may not be noticed", err_text(err));
	mark->failed = err != ERR_OK;
}

void root_mark_sync(struct root_mark *mark)
{
	if (fdatasync(mark->fd) != 0 && !mark->failed) {
		log_warn("the mark beside the store cannot be synced: %s", strerror(errno));
		mark->failed = true;
	}
}

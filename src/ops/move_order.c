/* The order to move the store, as a file. */
#include "ops/move_order.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"

#define PATH_LEN 4096
#define MAGIC "CFRV"
#define FORMAT 1u
#define CHECK_LEN 8u
#define BYTES_MAX (64u + sizeof((struct move_order *)0)->by + REMOTE_CONNINFO_MAX + REMOTE_NAME_MAX + REMOTE_PATH_MAX)

static enum coffer_err path_of(const char *dir, char out[static PATH_LEN], struct reason *reason)
{
	if (snprintf(out, PATH_LEN, "%s/" MOVE_ORDER_NAME, dir) < PATH_LEN) return ERR_OK;
	return reason_fail(reason, ERR_USAGE, "the path of state_dir is too long");
}

static enum coffer_err take_text(struct reader *r, char *out, size_t cap)
{
	struct view text;
	TRY(reader_view_u16(r, cap - 1, &text));
	ENSURE(!memchr(text.ptr, 0, text.len), ERR_CORRUPT);
	if (text.len) memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return ERR_OK;
}

static enum coffer_err parse(struct view bytes, struct move_order *out)
{
	struct reader r;
	uint8_t magic[4], head[4], digest[HASH_SHA256_LEN];
	ENSURE(bytes.len > CHECK_LEN, ERR_CORRUPT);
	struct view said = view_of(bytes.ptr, bytes.len - CHECK_LEN);
	TRY(hash_sha256(said, digest));
	ENSURE(memcmp(digest, said.ptr + said.len, CHECK_LEN) == 0, ERR_CORRUPT);
	reader_init(&r, said);
	TRY(reader_bytes(&r, magic, sizeof magic));
	TRY(reader_bytes(&r, head, sizeof head)); /* format, phase, to_database, 0 */
	ENSURE(memcmp(magic, MAGIC, sizeof magic) == 0 && head[0] == FORMAT && head[1] >= MOVE_ORDERED && head[1] <= MOVE_DONE && head[2] <= 1 && head[3] == 0, ERR_CORRUPT);
	out->phase = (enum move_phase)head[1];
	out->to_database = head[2];
	TRY(reader_bytes(&r, out->move_id, sizeof out->move_id));
	TRY(reader_u64(&r, &out->ordered_s));
	TRY(reader_u64(&r, &out->switched_s));
	TRY(take_text(&r, out->by, sizeof out->by));
	TRY(take_text(&r, out->conninfo, sizeof out->conninfo));
	TRY(take_text(&r, out->schema, sizeof out->schema));
	TRY(take_text(&r, out->passfile, sizeof out->passfile));
	return reader_end(&r);
}

enum coffer_err move_order_read(const char *dir, struct move_order *out, struct reason *reason)
{
	char path[PATH_LEN];
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	*out = (struct move_order){ .phase = MOVE_NONE };
	TRY(path_of(dir, path, reason));
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) return ERR_OK;
	TRY(fdio_read_file(path, BYTES_MAX, &bytes, reason));
	enum coffer_err err = parse(buf_view(&bytes), out);
	if (!err) return ERR_OK;
	*out = (struct move_order){ .phase = MOVE_NONE };
	return reason_fail(reason, ERR_CORRUPT, "%s, which says where the store was moved to, is damaged or of a newer version; restore it, or look which store the node used last and remove it", path);
}

enum coffer_err move_order_write(const char *dir, const struct move_order *order, struct reason *reason)
{
	char path[PATH_LEN];
	uint8_t bytes[BYTES_MAX], digest[HASH_SHA256_LEN];
	struct writer w;
	TRY(path_of(dir, path, reason));
	writer_init(&w, bytes, sizeof bytes);
	writer_bytes(&w, view_str(MAGIC));
	writer_u8(&w, FORMAT);
	writer_u8(&w, (uint8_t)order->phase);
	writer_u8(&w, order->to_database);
	writer_u8(&w, 0);
	writer_bytes(&w, view_of(order->move_id, sizeof order->move_id));
	writer_u64(&w, order->ordered_s);
	writer_u64(&w, order->switched_s);
	writer_view_u16(&w, view_str(order->by));
	writer_view_u16(&w, view_str(order->conninfo));
	writer_view_u16(&w, view_str(order->schema));
	writer_view_u16(&w, view_str(order->passfile));
	TRY(hash_sha256(writer_view(&w), digest));
	writer_bytes(&w, view_of(digest, CHECK_LEN));
	TRY(writer_done(&w));
	return fdio_write_file_atomic(path, 0600, writer_view(&w), reason);
}

enum coffer_err move_order_remove(const char *dir, struct reason *reason)
{
	char path[PATH_LEN];
	TRY(path_of(dir, path, reason));
	if (unlink(path) != 0) {
		if (errno == ENOENT) return ERR_OK;
		return reason_fail(reason, ERR_IO, "%s cannot be removed: %s; remove it by hand", path, strerror(errno));
	}
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? ERR_OK : reason_fail(reason, ERR_IO, "%s cannot be synced: %s", dir, strerror(errno));
}

void move_order_place(const struct move_order *order, bool target, char *out, size_t cap)
{
	if (order->to_database == target) snprintf(out, cap, "PostgreSQL, schema %s", order->schema);
	else snprintf(out, cap, "SQLite (store.db)");
}

const char *move_phase_name(enum move_phase phase)
{
	static const char *const names[] = { "none", "ordered", "switched", "done" };
	return names[phase];
}

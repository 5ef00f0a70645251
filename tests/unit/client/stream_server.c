/* The streams of the client's tests. */
#include "unit/client/stream_server.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096u
#define HUGE_PAGE (2u * 1024u * 1024u)
#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

void stream_server_tag(int32_t handle, unsigned number, uint8_t tag[COFFER_SEGMENT_OVERHEAD])
{
	memset(tag, 0, COFFER_SEGMENT_OVERHEAD);
	tag[0] = (uint8_t)handle;
	tag[1] = (uint8_t)number;
}

static bool send_with(struct server *s, struct view bytes, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct iovec io = { (void *)(uintptr_t)bytes.ptr, bytes.len };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
	if (count) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	return sendmsg(s->fd, &m, MSG_NOSIGNAL) == (ssize_t)bytes.len;
}

static int seals_of(enum ring_flaw flaw)
{
	switch (flaw) {
	case RING_CAN_SHRINK: return ALL_SEALS & ~F_SEAL_SHRINK;
	case RING_CAN_GROW: return ALL_SEALS & ~F_SEAL_GROW;
	case RING_SEALS_OPEN: return ALL_SEALS & ~F_SEAL_SEAL;
	default: return ALL_SEALS;
	}
}

static int make_file(size_t size)
{
	char path[] = "/tmp/coffer-ring-XXXXXX";
	int fd = mkstemp(path);
	unlink(path);
	return ftruncate(fd, (off_t)size) == 0 ? fd : -1;
}

/* A ring of huge pages, of which there may be none when they are touched; a file where the kernel knows none. */
static int make_huge(struct stream_script *t)
{
	t->slot_size = HUGE_PAGE;
	int fd = memfd_create("coffer-test-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_HUGE_2MB);
	if (fd < 0) return make_file(COFFER_STREAM_SLOTS * HUGE_PAGE);
	return ftruncate(fd, COFFER_STREAM_SLOTS * (off_t)HUGE_PAGE) == 0 && fcntl(fd, F_ADD_SEALS, ALL_SEALS) == 0 ? fd : -1;
}

/* The memory of the ring, or what stands in its place. */
static int make_memory(struct stream_script *t, size_t size)
{
	int ends[2];
	if (t->ring_flaw == RING_FILE) return make_file(size);
	if (t->ring_flaw == RING_PIPE) {
		if (pipe(ends) != 0) return -1;
		close(ends[1]);
		return ends[0];
	}
	if (t->ring_flaw == RING_HUGE_PAGES) return make_huge(t);
	int fd = memfd_create("coffer-test-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (t->ring_flaw == RING_SHORT) size -= PAGE;
	if (t->ring_flaw == RING_LONG) size += PAGE;
	if (t->ring_flaw == RING_SLOT_UNALIGNED) size += COFFER_STREAM_SLOTS * 8;
	if (fd < 0 || ftruncate(fd, (off_t)size) != 0) return -1;
	t->ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	t->ring_size = size;
	if (t->ring == MAP_FAILED || fcntl(fd, F_ADD_SEALS, seals_of(t->ring_flaw)) != 0) return -1;
	if (t->ring_flaw != RING_READ_ONLY) return fd;
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int reading = open(path, O_RDONLY | O_CLOEXEC);
	close(fd);
	return reading;
}

static void say_size(struct server *s, const struct stream_script *t, int32_t slots)
{
	int32_t size = (int32_t)t->slot_size;
	switch (t->ring_flaw) {
	case RING_SLOT_SMALL: size = (int32_t)(t->slot_size - PAGE); break;
	case RING_SLOT_NEGATIVE: size = -size; break;
	case RING_SLOT_UNALIGNED: size += 8; break;
	case RING_SLOT_HUGE: size = INT32_MAX & ~4095; break;
	case RING_NO_SLOTS: slots = 0; break;
	case RING_MORE_SLOTS: slots++; break;
	case RING_MANY_SLOTS: slots = INT32_MAX; break;
	case RING_SLOTS_NEGATIVE: slots = -slots; break;
	default: break;
	}
	if (t->ring_flaw != RING_NO_SIZE) ttlv_put_i32(&s->w, TAG_COFFER_RING_SLOT_SIZE, size);
	if (t->ring_flaw != RING_SIZE_ALONE && t->ring_flaw != RING_NO_SIZE) ttlv_put_i32(&s->w, TAG_COFFER_RING_SLOTS, slots);
}

static bool map_ring(struct server *s, struct stream_script *t)
{
	static const enum coffer_err refusals[] = { [RING_OLD_DAEMON] = ERR_UNSUPPORTED, [RING_BUSY] = ERR_BUSY, [RING_DENIED] = ERR_DENIED };
	int32_t size, slots;
	t->asked++;
	if (!t->has_ring) return server_write(s, server_refuse(s, ERR_UNSUPPORTED, "what is a ring?"));
	if (t->ring_flaw >= RING_OLD_DAEMON && t->ring_flaw <= RING_DENIED)
		return server_write(s, server_refuse(s, refusals[t->ring_flaw], "no ring for you"));
	if (ttlv_take_i32(server_fields(s), TAG_COFFER_RING_SLOT_SIZE, &size) != ERR_OK ||
	    ttlv_take_i32(server_fields(s), TAG_COFFER_RING_SLOTS, &slots) != ERR_OK)
		return false;
	t->slot_size = ((size_t)size + COFFER_SEGMENT_OVERHEAD + PAGE - 1) / PAGE * PAGE;
	int fd = make_memory(t, t->slot_size * (size_t)(t->ring_flaw == RING_MORE_SLOTS ? slots + 1 : slots));
	if (fd < 0) return false;
	server_begin(s);
	say_size(s, t, slots);
	int fds[10] = { fd, fd, fd, fd, fd, fd, fd, fd, fd, fd };
	size_t count = t->ring_flaw == RING_NO_DESCRIPTOR ? 0 : t->ring_flaw == RING_TWO_DESCRIPTORS ? 2 : t->ring_flaw == RING_MANY_DESCRIPTORS ? 10 : 1;
	bool done = send_with(s, server_end(s), fds, count);
	close(fd);
	return done;
}

static bool begin_stream(struct server *s, struct stream_script *t)
{
	uint8_t header[COFFER_STREAM_HEADER];
	memset(header, STREAM_SERVER_HEADER_BYTE, sizeof header);
	unsigned n = t->begun++ % 16;
	t->streams[n].handle = (int32_t)t->begun;
	t->streams[n].opens = s->request.items[0].id.operation == OPERATION_COFFER_OPEN_STREAM;
	t->streams[n].number = 0;
	server_begin(s);
	ttlv_put_i32(&s->w, TAG_COFFER_STREAM_HANDLE, (int32_t)t->begun);
	if (!t->streams[n].opens) ttlv_put_bytes(&s->w, TAG_COFFER_STREAM_HEADER, view_of(header, sizeof header));
	ttlv_put_i32(&s->w, TAG_COFFER_SEGMENT_SIZE, t->segment_size);
	return server_write(s, server_end(s));
}

/* Seals or opens `len` bytes in place; false: not what was sealed. */
static bool work(struct stream_script *t, int32_t handle, uint8_t *bytes, size_t *len)
{
	uint8_t tag[COFFER_SEGMENT_OVERHEAD];
	unsigned n = (unsigned)(handle - 1) % 16;
	stream_server_tag(t->streams[n].handle, t->streams[n].number++, tag);
	if (!t->streams[n].opens) {
		for (size_t i = 0; i < *len; i++) bytes[i] = (uint8_t)(bytes[i] + 0x5a);
		memcpy(bytes + *len, tag, sizeof tag);
		*len += sizeof tag;
		return true;
	}
	if (*len < sizeof tag) return false;
	*len -= sizeof tag;
	tag[0] = bytes[*len]; /* another stream's handle sealed it */
	if (memcmp(bytes + *len, tag, sizeof tag) != 0) return false;
	for (size_t i = 0; i < *len; i++) bytes[i] = (uint8_t)(bytes[i] - 0x5a);
	return true;
}

static void say_slot(struct server *s, enum answer_flaw flaw, int32_t slot, int32_t len)
{
	switch (flaw) {
	case ANSWER_OTHER_SLOT: slot = (slot + 1) % (int32_t)COFFER_STREAM_SLOTS; break;
	case ANSWER_SLOT_NEGATIVE: slot = -1; break;
	case ANSWER_SLOT_FAR: slot = INT32_MAX; break;
	case ANSWER_LONGER: len++; break;
	case ANSWER_SHORTER: len--; break;
	case ANSWER_NEGATIVE: len = -len; break;
	case ANSWER_HUGE: len = INT32_MAX; break;
	default: break;
	}
	if (flaw == ANSWER_IN_MESSAGE) ttlv_put_bytes(&s->w, TAG_COFFER_SEGMENT, view_of("0123456789abcdef", 16));
	if (flaw == ANSWER_IN_MESSAGE || flaw == ANSWER_EMPTY) return;
	ttlv_put_i32(&s->w, TAG_COFFER_RING_SLOT, slot);
	if (flaw != ANSWER_NO_LENGTH) ttlv_put_i32(&s->w, TAG_COFFER_SEGMENT_LENGTH, len);
}

/* The bytes that a segment's request names: in the ring, or copied out of the message. */
static uint8_t *segment_of(struct server *s, struct stream_script *t, int32_t *out_slot, size_t *out_len)
{
	static uint8_t copy[SERVER_FRAME_MAX];
	struct ttlv_cursor *f = server_fields(s);
	struct view bytes;
	int32_t len;
	*out_slot = -1;
	if (ttlv_peek_tag(f) == TAG_COFFER_RING_SLOT) {
		if (ttlv_take_i32(f, TAG_COFFER_RING_SLOT, out_slot) != ERR_OK || ttlv_take_i32(f, TAG_COFFER_SEGMENT_LENGTH, &len) != ERR_OK) return NULL;
		*out_len = (size_t)len;
		size_t at = (size_t)*out_slot * t->slot_size;
		return t->ring && at + t->slot_size <= t->ring_size && *out_len + COFFER_SEGMENT_OVERHEAD <= t->slot_size ? t->ring + at : NULL;
	}
	if (ttlv_take_bytes(f, TAG_COFFER_SEGMENT, &bytes) != ERR_OK || bytes.len > sizeof copy - COFFER_SEGMENT_OVERHEAD) return NULL;
	if (bytes.len) memcpy(copy, bytes.ptr, bytes.len);
	*out_len = bytes.len;
	return copy;
}

static bool segment(struct server *s, struct stream_script *t)
{
	int32_t handle, slot;
	size_t len;
	if (ttlv_take_i32(server_fields(s), TAG_COFFER_STREAM_HANDLE, &handle) != ERR_OK || handle < 1 || handle > (int32_t)t->begun) return false;
	uint8_t *bytes = segment_of(s, t, &slot, &len);
	if (!bytes) return false;
	t->segments++;
	if (slot >= 0) t->in_ring++;
	if (t->segments == t->garbage_at) return server_write(s, view_of("HTTP/1.1 400 Bad Request", 24));
	if (t->segments == t->fail_at || !work(t, handle, bytes, &len)) return server_write(s, server_refuse(s, ERR_CORRUPT, "the segment was altered"));
	server_begin(s);
	if (slot >= 0) say_slot(s, t->segments == t->bad_at ? t->answer_flaw : ANSWER_GOOD, slot, (int32_t)len);
	else ttlv_put_bytes(&s->w, TAG_COFFER_SEGMENT, view_of(bytes, len));
	if (!server_write(s, server_end(s))) return false;
	if (t->segments != t->hang_up_at) return true;
	shutdown(s->fd, SHUT_RDWR); /* first the connection ends, then the pages are taken back */
	if (t->ring) madvise(t->ring, t->ring_size, MADV_REMOVE);
	return false;
}

static bool answer(struct server *s, struct stream_script *t)
{
	uint32_t operation = s->request.items[0].id.operation;
	if (operation == OPERATION_COFFER_MAP_RING) return map_ring(s, t);
	if (operation == OPERATION_COFFER_CLOSE_STREAM) {
		t->closed++;
		server_begin(s);
		return server_write(s, server_end(s));
	}
	if (operation != OPERATION_COFFER_SEAL_STREAM && operation != OPERATION_COFFER_OPEN_STREAM) return false;
	return ttlv_peek_tag(server_fields(s)) == TAG_COFFER_STREAM_HANDLE ? segment(s, t) : begin_stream(s, t);
}

void serve_streams(struct server *s)
{
	struct stream_script *t = s->arg;
	while (server_read(s) && answer(s, t)) {}
	if (t->keeps_ring) return;
	if (t->ring && t->ring != MAP_FAILED) munmap(t->ring, t->ring_size);
	t->ring = NULL;
}

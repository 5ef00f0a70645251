/* The client's side of the ring: asking for it, looking at what comes, its slots. */
#include "client/ring.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "client/call.h"
#include "client/descriptor.h"

#define WANTED_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SLOT_ALIGN 4096u
#define SLOT_MAX (RING_SEGMENT_MAX + SLOT_ALIGN)

struct ring {
	unsigned users;
	pid_t owner;        /* process that mapped it */
	uint8_t *mem;
	size_t slot_size;
	unsigned slots;
	uint32_t taken, touched, dirty; /* one bit a slot; dirty: not wiped since it was used */
};

/* A memfd of pages that are there, that nobody can cut off, of exactly this size. */
static bool is_ring(int fd, size_t size)
{
	struct stat st;
	struct statfs fs;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & WANTED_SEALS) != WANTED_SEALS) return false;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0 || (size_t)st.st_size != size) return false;
	return fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == TMPFS_MAGIC; /* not huge pages, of which none may be left */
}

struct ring *ring_map(int fd, size_t slot_size, unsigned slots)
{
	size_t size = slot_size * slots;
	if (slots < 1 || slots > RING_SLOTS || slot_size == 0 || slot_size > SLOT_MAX || slot_size % SLOT_ALIGN || !is_ring(fd, size)) return NULL;
	struct ring *r = calloc(1, sizeof *r);
	if (!r) return NULL;
	*r = (struct ring){ .users = 1, .owner = getpid(), .slot_size = slot_size, .slots = slots };
	r->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r->mem == MAP_FAILED || madvise(r->mem, size, MADV_DONTFORK) != 0 || madvise(r->mem, size, MADV_DONTDUMP) != 0) {
		if (r->mem != MAP_FAILED) munmap(r->mem, size);
		free(r);
		return NULL;
	}
	return r;
}

bool ring_is_here(const struct ring *r)
{
	return r->owner == getpid();
}

/* Those that no stream has, and all when none is left. */
static void wipe_slots(struct ring *r)
{
	uint32_t which = r->users ? r->dirty & ~r->taken : r->dirty;
	for (unsigned i = 0; i < r->slots; i++)
		if (which >> i & 1) wipe(r->mem + i * r->slot_size, r->slot_size);
	r->dirty &= ~which;
}

void ring_drop(struct ring *r)
{
	if (!r) return;
	r->users--;
	if (ring_is_here(r)) wipe_slots(r);
	if (r->users) return;
	if (ring_is_here(r)) munmap(r->mem, r->slot_size * r->slots);
	free(r);
}

size_t ring_slot_size(const struct ring *r)
{
	return r->slot_size;
}

int ring_take(struct ring *r)
{
	for (unsigned i = 0; i < r->slots; i++) {
		if (r->taken >> i & 1) continue;
		r->taken |= 1u << i;
		/* All its pages at once; one that cannot be had now is asked for again when it is used. */
		if (!(r->touched >> i & 1)) (void)madvise(r->mem + i * r->slot_size, r->slot_size, MADV_POPULATE_WRITE);
		r->touched |= 1u << i;
		r->dirty |= 1u << i;
		return (int)i;
	}
	return -1;
}

void ring_give(struct ring *r, int slot)
{
	r->taken &= ~(1u << slot);
}

uint8_t *ring_slot(const struct ring *r, int slot)
{
	return r->mem + (size_t)slot * r->slot_size;
}

/* What the answer says; a descriptor that does not fit it is no ring: *out = NULL. */
static enum coffer_status read_answer(struct call *call, int fd, uint32_t segment_size, struct ring **out)
{
	struct ttlv_cursor *fields = &call->answer.items[0].payload;
	int32_t slot_size, slots;
	if (ttlv_take_i32(fields, TAG_COFFER_RING_SLOT_SIZE, &slot_size) != ERR_OK || ttlv_take_i32(fields, TAG_COFFER_RING_SLOTS, &slots) != ERR_OK)
		return call_malformed(call);
	if (fd >= 0 && slot_size > 0 && (uint32_t)slot_size >= segment_size + COFFER_SEGMENT_OVERHEAD)
		*out = ring_map(fd, (size_t)slot_size, (unsigned)slots);
	return COFFER_OK;
}

static enum coffer_status ask(struct coffer *c, uint32_t segment_size)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_MAP_RING, 64);
	if (st) return st == COFFER_EBUSY ? COFFER_OK : st; /* another thread's stream has segments under way already */
	if (c->ring || c->without_ring) return call_end(&call, COFFER_OK); /* another thread has asked since */
	ttlv_put_i32(&call.w, TAG_COFFER_RING_SLOT_SIZE, (int32_t)segment_size);
	ttlv_put_i32(&call.w, TAG_COFFER_RING_SLOTS, (int32_t)RING_SLOTS);
	c->descriptor = DESCRIPTOR_NONE;
	c->takes_descriptor = true;
	st = call_run(&call, false);
	c->takes_descriptor = false;
	AUTO_FD int fd = TAKE_FD(c->descriptor);
	if (!st) {
		st = read_answer(&call, fd, segment_size, &c->ring);
		c->without_ring = c->ring == NULL;
	}
	if (st && !c->broken) {
		c->without_ring = st != COFFER_EBUSY; /* there may be room later */
		c->text[0] = '\0';
		st = COFFER_OK;
	}
	return call_end(&call, st);
}

enum coffer_status ring_of(struct coffer *c, uint32_t segment_size, struct ring **out)
{
	enum coffer_status st = COFFER_OK;
	*out = NULL;
	if (segment_size > RING_SEGMENT_MAX) return COFFER_OK;
	pthread_mutex_lock(&c->lock);
	bool has_to_ask = !c->ring && !c->without_ring;
	pthread_mutex_unlock(&c->lock);
	if (has_to_ask) st = ask(c, segment_size);
	if (st) return st;
	pthread_mutex_lock(&c->lock);
	if (c->ring && c->ring->slot_size >= segment_size + COFFER_SEGMENT_OVERHEAD && ring_is_here(c->ring)) {
		c->ring->users++;
		*out = c->ring;
	}
	pthread_mutex_unlock(&c->lock);
	return COFFER_OK;
}

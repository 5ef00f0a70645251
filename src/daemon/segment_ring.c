/* Shared memory for segments: made, counted, wiped. */
#include "daemon/segment_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "base/fdio.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/peers.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define NAME "coffer-ring"
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u /* in headers of Linux 6.3 and later */
#endif
#define OVERCOMMIT "/proc/sys/vm/overcommit_memory"

/* A client may punch holes into the memory, which no seal that still lets it write forbids. The page that is then touched is a new one, and only strict
 * accounting (2) can refuse it, with a SIGBUS. Where the file cannot be read (ProcSubset=pid) that is left to who chose strict accounting. */
void segment_ring_prepare(struct daemon *d)
{
	struct reason reason = { "" };
	AUTO_BUF struct buf text = BUF_EMPTY;
	if (fdio_read_file(OVERCOMMIT, 64, &text, &reason) != ERR_OK || text.len == 0 || text.ptr[0] != '2') return;
	log_info("streams do not use shared memory here, and are slower for it: %s is 2", OVERCOMMIT);
	d->no_rings = true;
}

static enum coffer_err set_aside(struct daemon *d, struct peer *peer, size_t bytes, struct reason *reason)
{
	size_t most = d->no_rings ? 0 : d->engine.config->ring_memory;
	enum coffer_err err = ERR_OK;
	pthread_mutex_lock(&d->budget_lock);
	size_t used = (size_t)d->engine.ring_bytes;
	if (bytes > most || used > most - bytes)
		err = reason_fail(reason, ERR_BUSY, "there is no room for a ring of %zu bytes (ring_memory); send the segments in messages", bytes);
	else if (bytes > most / 2 || peer->ring_bytes > most / 2 - bytes)
		err = reason_fail(reason, ERR_BUSY, "your rings take their share of the memory for rings (ring_memory); send the segments in messages");
	if (!err) {
		d->engine.ring_bytes += bytes;
		d->engine.rings++;
		peer->ring_bytes += bytes;
	}
	pthread_mutex_unlock(&d->budget_lock);
	return err;
}

static void give_back(struct daemon *d, struct peer *peer, size_t bytes)
{
	pthread_mutex_lock(&d->budget_lock);
	d->engine.ring_bytes -= bytes;
	d->engine.rings--;
	peer->ring_bytes -= bytes;
	pthread_mutex_unlock(&d->budget_lock);
}

/* Kernels before 6.3 do not know MFD_NOEXEC_SEAL; some newer ones insist on it. */
static int make_fd(void)
{
	int fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	return fd < 0 && errno == EINVAL ? memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

/* Of its final size and sealed before anybody else has it. fallocate gets the pages, or says that there are none; zeroing them is left to who touches them
 * first, which is the client. The mode is for those who may look into the client's descriptors in /proc. */
static enum coffer_err make(size_t bytes, int *out_fd, uint8_t **out_memory)
{
	AUTO_FD int fd = make_fd();
	ENSURE(fd >= 0 && fchmod(fd, 0600) == 0 && ftruncate(fd, (off_t)bytes) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0, ERR_BUSY);
	ENSURE(fallocate(fd, 0, 0, (off_t)bytes) == 0, ERR_BUSY);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ENSURE(memory != MAP_FAILED, ERR_BUSY);
	if (madvise(memory, bytes, MADV_DONTDUMP) != 0 || madvise(memory, bytes, MADV_DONTFORK) != 0) {
		munmap(memory, bytes);
		return ERR_BUSY;
	}
	*out_fd = TAKE_FD(fd);
	*out_memory = memory;
	return ERR_OK;
}

enum coffer_err segment_ring_open(struct daemon *d, struct peer *peer, size_t bytes, struct segment_ring *out, struct reason *reason)
{
	int fd = -1;
	uint8_t *memory = NULL;
	TRY(set_aside(d, peer, bytes, reason));
	if (make(bytes, &fd, &memory) != ERR_OK) {
		int why = errno;
		give_back(d, peer, bytes);
		errno = why;
		return reason_fail(reason, ERR_BUSY, "the system gives no shared memory (%m); send the segments in messages");
	}
	*out = (struct segment_ring){ d, peer, memory, bytes, fd };
	return ERR_OK;
}

void segment_ring_close(struct segment_ring *ring)
{
	if (!ring->memory) return;
	/* The pages go, whoever else still maps them or has the descriptor: that wipes them too, and costs less. */
	if (madvise(ring->memory, ring->bytes, MADV_REMOVE) != 0) wipe(ring->memory, ring->bytes);
	munmap(ring->memory, ring->bytes);
	if (ring->fd >= 0) close(ring->fd);
	give_back(ring->daemon, ring->peer, ring->bytes);
	*ring = (struct segment_ring){ .fd = -1 };
}

/* Input and output on descriptors that handles interrupted and short calls, deadlines, whole files and passing one
 * descriptor. No state; each call may run in any thread, but one descriptor's direction belongs to one thread at a time.
 * Deadlines are absolute values of clock_mono_ms; FDIO_NO_DEADLINE waits for ever. Writing to a closed socket is
 * ERR_CLOSED; for pipes the program must ignore SIGPIPE. */
#ifndef COFFER_BASE_FDIO_H
#define COFFER_BASE_FDIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"

#define FDIO_NO_DEADLINE UINT64_MAX

/* Exactly len bytes; blocking and non-blocking descriptors alike. ERR_CLOSED when the other side closed before the first
 * byte, ERR_TRUNCATED when after it, ERR_TIMEOUT, ERR_IO. After a failure the contents of ptr are undefined. */
enum coffer_err fdio_read_exact(int fd, void *ptr, size_t len, uint64_t deadline_mono_ms) MUST_USE;
/* ERR_CLOSED, ERR_TIMEOUT, ERR_FULL, ERR_IO; after a failure it is not known how much was written. */
enum coffer_err fdio_write_exact(int fd, const void *ptr, size_t len, uint64_t deadline_mono_ms) MUST_USE;
/* fdio_write_exact without a deadline. */
enum coffer_err fdio_write_all(int fd, struct view bytes) MUST_USE;
/* Appends everything up to the end of the input, at most max bytes (ERR_TOO_LARGE). `out` is unchanged on failure. */
enum coffer_err fdio_read_all(int fd, size_t max, struct buf *out) MUST_USE;

/* Appends the file's contents to `out`, at most max bytes. ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_MEMORY, ERR_IO, each with a
 * sentence that names the path; `out` is unchanged on failure. */
enum coffer_err fdio_read_file(const char *path, size_t max, struct buf *out, struct reason *reason) MUST_USE;
/* Replaces or makes the file so that after a crash it is the old one or the new one, on disk when this returns. Writes to
 * "PATH.XXXXXX" beside it (left behind only by a crash). mode: permission bits, not changed by the umask.
 * ERR_FULL, ERR_IO; ERR_UNKNOWN_OUTCOME when the file was replaced but the directory could not be synced. */
enum coffer_err fdio_write_file_atomic(const char *path, mode_t mode, struct view bytes, struct reason *reason) MUST_USE;

/* One message of 1 or more bytes on a SOCK_SEQPACKET socket, with a descriptor (borrowed; -1: none). ERR_CLOSED,
 * ERR_TIMEOUT, ERR_TOO_LARGE, ERR_IO. */
enum coffer_err fdio_send_fd(int sock, struct view message, int fd, uint64_t deadline_mono_ms) MUST_USE;
/* One message of 1..cap bytes. *out_fd is the first descriptor that came with it (close-on-exec, the caller's to close)
 * or -1; others are closed. ERR_TOO_LARGE for a longer message, ERR_INPUT when the kernel had to drop descriptors (then
 * all are closed), ERR_CLOSED, ERR_TIMEOUT, ERR_IO. */
enum coffer_err fdio_recv_fd(int sock, void *message, size_t cap, uint64_t deadline_mono_ms, size_t *out_len,
	int *out_fd) MUST_USE;

#endif

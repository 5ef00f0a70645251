/* Descriptors: exact reads and writes with deadlines, whole files, files replaced atomically, descriptors passed over sockets. */
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

/* Exactly len bytes, whatever signals and short transfers come between. deadline_ms: on clock_mono_ms. ERR_CLOSED: end of file or broken pipe
 * (never SIGPIPE on sockets). ERR_TIMEOUT. ERR_IO. On failure some bytes may have gone. */
enum coffer_err fdio_read_exact(int fd, void *ptr, size_t len, uint64_t deadline_ms) MUST_USE;
enum coffer_err fdio_write_exact(int fd, const void *ptr, size_t len, uint64_t deadline_ms) MUST_USE;

/* Appends the whole file, at most max bytes (ERR_TOO_LARGE). ERR_NOT_FOUND, ERR_IO; the sentence names the path. */
enum coffer_err fdio_read_file(const char *path, size_t max, struct buf *out, struct reason *reason) MUST_USE;
/* Writes path through a temporary file beside it: fsync, rename, fsync of the folder. ERR_FULL, ERR_IO; on failure the old file stays. */
enum coffer_err fdio_write_file_atomic(const char *path, mode_t mode, struct view bytes, struct reason *reason) MUST_USE;

/* One message with at most one descriptor on a SOCK_SEQPACKET socket. pass_fd -1: none. */
enum coffer_err fdio_send_fd(int socket, struct view message, int pass_fd) MUST_USE;
/* *out_len bytes (at most cap; a longer message is ERR_TOO_LARGE). *out_fd: the descriptor (close-on-exec; the caller's) or -1; more than
 * one are closed and ERR_INPUT. ERR_CLOSED at the end. Waits unless the socket does not. */
enum coffer_err fdio_recv_fd(int socket, void *message, size_t cap, size_t *out_len, int *out_fd) MUST_USE;

#endif

/* What the linker puts in place of the functions that this project's code calls (--wrap, CMakeLists.txt). */
#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/log.h"
#include "fault/fault.h"

/* WRAP(result, name, parameters): declares both sides. */
#define WRAP(result, name, ...) \
	result __real_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__)

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/* ---- the heap ---- */

WRAP(void *, malloc, size_t len)
{
	return fault_strikes(FAULT_AT_HEAP) ? no_memory() : __real_malloc(len);
}

WRAP(void *, calloc, size_t count, size_t len)
{
	return fault_strikes(FAULT_AT_HEAP) ? no_memory() : __real_calloc(count, len);
}

WRAP(void *, realloc, void *p, size_t len)
{
	return fault_strikes(FAULT_AT_HEAP) ? no_memory() : __real_realloc(p, len);
}

WRAP(char *, strdup, const char *text)
{
	return fault_strikes(FAULT_AT_HEAP) ? no_memory() : __real_strdup(text);
}

WRAP(char *, strndup, const char *text, size_t len)
{
	return fault_strikes(FAULT_AT_HEAP) ? no_memory() : __real_strndup(text, len);
}

/* ---- the arena: OpenSSL's blocks go through the allocator that it is given ---- */

static _Thread_local bool for_openssl;
static CRYPTO_malloc_fn openssl_malloc;
static CRYPTO_realloc_fn openssl_realloc;

static bool arena_strikes(void)
{
	return fault_strikes(for_openssl ? FAULT_AT_OPENSSL : FAULT_AT_ARENA);
}

WRAP(void *, arena_alloc, size_t len)
{
	return arena_strikes() ? NULL : __real_arena_alloc(len);
}

WRAP(void *, arena_realloc, void *p, size_t len)
{
	return arena_strikes() ? NULL : __real_arena_realloc(p, len);
}

static void *marked_malloc(size_t len, const char *file, int line)
{
	for_openssl = true;
	void *p = openssl_malloc(len, file, line);
	for_openssl = false;
	return p;
}

static void *marked_realloc(void *old, size_t len, const char *file, int line)
{
	for_openssl = true;
	void *p = openssl_realloc(old, len, file, line);
	for_openssl = false;
	return p;
}

WRAP(int, CRYPTO_set_mem_functions, CRYPTO_malloc_fn m, CRYPTO_realloc_fn r, CRYPTO_free_fn f)
{
	openssl_malloc = m;
	openssl_realloc = r;
	return __real_CRYPTO_set_mem_functions(marked_malloc, marked_realloc, f);
}

void fault_forget_thread(void)
{
	OPENSSL_thread_stop();
}

/* ---- random bytes ---- */

WRAP(int, RAND_bytes, unsigned char *out, int len)
{
	return fault_strikes(FAULT_AT_RANDOM) ? 0 : __real_RAND_bytes(out, len);
}

WRAP(int, RAND_priv_bytes, unsigned char *out, int len)
{
	return fault_strikes(FAULT_AT_RANDOM) ? 0 : __real_RAND_priv_bytes(out, len);
}

/* ---- system calls ---- */

static bool call_fails(void)
{
	if (!fault_strikes(FAULT_AT_CALL)) return false;
	errno = fault_code();
	return true;
}

/* Also shortens, and says EINTR. */
static bool transfer_fails(size_t *len)
{
	if (call_fails()) return true;
	if (*len > 1 && fault_strikes(FAULT_AT_SHORT)) *len = 1;
	if (!fault_strikes(FAULT_AT_EINTR)) return false;
	errno = EINTR;
	return true;
}

WRAP(ssize_t, read, int fd, void *out, size_t len)
{
	return transfer_fails(&len) ? -1 : __real_read(fd, out, len);
}

WRAP(ssize_t, write, int fd, const void *bytes, size_t len)
{
	return transfer_fails(&len) ? -1 : __real_write(fd, bytes, len);
}

WRAP(ssize_t, recv, int fd, void *out, size_t len, int flags)
{
	return transfer_fails(&len) ? -1 : __real_recv(fd, out, len, flags);
}

WRAP(ssize_t, send, int fd, const void *bytes, size_t len, int flags)
{
	return transfer_fails(&len) ? -1 : __real_send(fd, bytes, len, flags);
}

WRAP(ssize_t, pread, int fd, void *out, size_t len, off_t at)
{
	return transfer_fails(&len) ? -1 : __real_pread(fd, out, len, at);
}

WRAP(ssize_t, pwrite, int fd, const void *bytes, size_t len, off_t at)
{
	return transfer_fails(&len) ? -1 : __real_pwrite(fd, bytes, len, at);
}

/* Messages are whole: they are interrupted and not shortened. */
static bool message_fails(void)
{
	size_t whole = 1;
	return transfer_fails(&whole);
}

WRAP(ssize_t, recvmsg, int fd, struct msghdr *message, int flags)
{
	return message_fails() ? -1 : __real_recvmsg(fd, message, flags);
}

WRAP(ssize_t, sendmsg, int fd, const struct msghdr *message, int flags)
{
	return message_fails() ? -1 : __real_sendmsg(fd, message, flags);
}

WRAP(int, poll, struct pollfd *fds, nfds_t count, int timeout)
{
	return message_fails() ? -1 : __real_poll(fds, count, timeout);
}

WRAP(int, fsync, int fd)
{
	return call_fails() ? -1 : __real_fsync(fd);
}

WRAP(int, fdatasync, int fd)
{
	return call_fails() ? -1 : __real_fdatasync(fd);
}

WRAP(int, renameat2, int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return call_fails() ? -1 : __real_renameat2(from_fd, from, to_fd, to, flags);
}

WRAP(int, rename, const char *from, const char *to)
{
	return call_fails() ? -1 : __real_rename(from, to);
}

WRAP(int, ftruncate, int fd, off_t len)
{
	return call_fails() ? -1 : __real_ftruncate(fd, len);
}

int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = va_arg(args, mode_t); /* without O_CREAT nobody looks at it */
	va_end(args);
	return call_fails() ? -1 : __real_open(path, flags, mode);
}

/* ---- quiet: thousands of failures that were asked for ---- */

void __wrap_log_line(enum log_level level, const char *fmt, ...);
void __wrap_log_line(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

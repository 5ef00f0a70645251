/* A service manager in place of the monitor. */
#include "daemon/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "token/proxy.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZERS "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
#else
#define SANITIZERS
#endif

#define NO_USER ((uid_t)-1)
#define PULSES_A_PERIOD 4u /* of the watchdog */

struct service {
	const char *folder;
	uid_t helpers_user;  /* user_tokend; NO_USER: there is none of that name */
	int notify_fd;       /* -1: nobody wants to know */
	struct token_spawner spawner;
	uid_t stored_user;   /* user_stored; the same */
	struct store_spawner store_spawner;
	_Atomic uint32_t instances;
	struct event *pulse; /* NULL: no watchdog */
	_Atomic unsigned silent; /* workers that have not answered the last pulse */
};

static const char *const environment_kept[] = { SANITIZERS "JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC",
	"COFFER_TEST_NO_MEMFD_SECRET", "COFFER_TEST_BROKEN_AEAD", NULL };

enum coffer_err service_prepare(struct reason *reason)
{
	process_close_fds_from(STDERR_FILENO + 1);
	process_clean_environment(environment_kept);
	if (geteuid() != 0) return ERR_OK;
	return reason_fail(reason, ERR_USAGE, "--tokend-sockets is for a service with a user of its own: set User= in its unit, or leave the "
		"option out so that the monitor changes the user");
}

void service_say(struct daemon *d, const char *state)
{
	struct service *s = d->service;
	if (!s || s->notify_fd < 0) return;
	if (send(s->notify_fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_warn("the service manager did not take a message: %m");
}

/* "/path", or "@name" of the abstract name space. */
static enum coffer_err connect_to(const char *name, int type, int *out_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	errno = EINVAL;
	ENSURE(len > 1 && len < sizeof address.sun_path && (name[0] == '/' || name[0] == '@'), ERR_USAGE);
	memcpy(address.sun_path, name, len);
	if (name[0] == '@') address.sun_path[0] = '\0';
	AUTO_FD int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ENSURE(fd >= 0, ERR_IO);
	len += offsetof(struct sockaddr_un, sun_path) + (name[0] == '/');
	ENSURE(connect(fd, (const struct sockaddr *)&address, (socklen_t)len) == 0, ERR_IO);
	*out_fd = TAKE_FD(fd);
	return ERR_OK;
}

/* Behind the socket is the service manager (root) or a helper: the data key will go there, to nobody else. */
static enum coffer_err check_listener(uid_t wanted, const char *key, int fd, const char *path, struct reason *reason)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer)
		return reason_fail(reason, ERR_TOKEN_GONE, "who listens at %s cannot be seen: %m", path);
	if (peer.uid == 0 || peer.uid == geteuid() || (wanted != NO_USER && peer.uid == wanted)) return ERR_OK;
	return reason_fail(reason, ERR_TOKEN_GONE, "user %lld listens at %s, neither root nor %s: it gets nothing; find out who that is",
		(long long)peer.uid, path, key);
}

static enum coffer_err start_helper(void *arg, enum token_kind kind, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	struct service *s = arg;
	char path[sizeof ((struct sockaddr_un *)0)->sun_path + 1];
	if (snprintf(path, sizeof path, "%s/%s.sock", s->folder, token_kind_name(kind)) >= (int)sizeof path)
		return reason_fail(reason, ERR_TOKEN_GONE, "--tokend-sockets: the path %s is too long", s->folder);
	AUTO_FD int fd = -1;
	if (connect_to(path, SOCK_STREAM, &fd) != ERR_OK)
		return reason_fail(reason, ERR_TOKEN_GONE, "no token helper is to be had at %s: %m; start coffer-tokend-%s.socket", path,
			token_kind_name(kind));
	TRY(check_listener(s->helpers_user, "user_tokend", fd, path, reason));
	*out_instance = ++s->instances;
	*out_fd = TAKE_FD(fd);
	return ERR_OK;
}

enum coffer_err service_start_notify(struct daemon *d, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	struct service *s = d->service;
	char path[sizeof ((struct sockaddr_un *)0)->sun_path + 1];
	uid_t user = NO_USER;
	gid_t gid;
	struct reason ignored = { "" };
	ENSURE(s, ERR_CLOSED);
	if (snprintf(path, sizeof path, "%s/notify.sock", s->folder) >= (int)sizeof path)
		return reason_fail(reason, ERR_IO, "--tokend-sockets: the path %s is too long", s->folder);
	AUTO_FD int fd = -1;
	if (connect_to(path, SOCK_SEQPACKET, &fd) != ERR_OK)
		return reason_fail(reason, ERR_IO, "the helper of notify_command is not to be had at %s: %m; start coffer-notify.socket", path);
	if (process_parse_user(d->engine.config->user_notify, &user, &gid, &ignored) != ERR_OK) user = NO_USER;
	TRY(check_listener(user, "user_notify", fd, path, reason));
	*out_instance = ++s->instances;
	*out_fd = TAKE_FD(fd);
	return ERR_OK;
}

static enum coffer_err start_stored(void *arg, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	struct service *s = arg;
	char path[sizeof ((struct sockaddr_un *)0)->sun_path + 1];
	if (snprintf(path, sizeof path, "%s/stored.sock", s->folder) >= (int)sizeof path)
		return reason_fail(reason, ERR_USAGE, "--tokend-sockets: the path %s is too long", s->folder);
	AUTO_FD int fd = -1;
	if (connect_to(path, SOCK_STREAM, &fd) != ERR_OK)
		return reason_fail(reason, ERR_CLOSED, "no store helper is to be had at %s: %m; start coffer-stored.socket", path);
	enum coffer_err err = check_listener(s->stored_user, "user_stored", fd, path, reason);
	if (err) return ERR_CLOSED;
	*out_instance = ++s->instances;
	*out_fd = TAKE_FD(fd);
	return ERR_OK;
}

/* The proxy closes the connection next, and that ends the helper. */
static void end_helper(void *arg, uint32_t instance)
{
	(void)arg;
	log_debug("helper %u: its connection is closed", instance);
}

static void answer_pulse(void *arg)
{
	struct service *s = arg;
	s->silent--;
}

/* Alive: this loop turns, and so did every worker's since the last pulse. Not the store: a disk that hangs is no reason to lose what is
 * served from memory. Workers that drain answer no more. */
static void on_pulse(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct service *s = d->service;
	(void)fd;
	(void)what;
	if (!d->draining && s->silent != 0) return;
	service_say(d, "WATCHDOG=1");
	if (d->draining) return;
	s->silent = d->worker_count;
	for (unsigned i = 0; i < d->worker_count; i++)
		if (!worker_call(&d->workers[i], answer_pulse, s)) s->silent--;
}

static enum coffer_err start_watchdog(struct daemon *d)
{
	const char *text = getenv("WATCHDOG_USEC");
	uint64_t period_us;
	if (!text || text_parse_u64(view_str(text), &period_us) != ERR_OK || period_us == 0) return ERR_OK;
	uint64_t pulse_us = period_us / PULSES_A_PERIOD;
	struct timeval pulse = { (time_t)(pulse_us / 1000000), (suseconds_t)(pulse_us % 1000000) };
	d->service->pulse = event_new(d->base, -1, EV_PERSIST, on_pulse, d);
	ENSURE(d->service->pulse && event_add(d->service->pulse, &pulse) == 0, ERR_MEMORY);
	return ERR_OK;
}

enum coffer_err service_open(struct daemon *d, const char *folder, struct reason *reason)
{
	const char *notify = getenv("NOTIFY_SOCKET");
	struct reason ignored = { "" };
	gid_t gid;
	struct service *s = calloc(1, sizeof *s);
	ENSURE(s, ERR_MEMORY);
	*s = (struct service){ .folder = folder, .helpers_user = NO_USER, .notify_fd = -1, .spawner = { start_helper, end_helper, s } };
	d->service = s;
	d->engine.spawner = &s->spawner;
	s->store_spawner = (struct store_spawner){ start_stored, end_helper, s };
	s->stored_user = NO_USER;
	if (process_parse_user(d->config->user_stored, &s->stored_user, &gid, &ignored) != ERR_OK) s->stored_user = NO_USER;
	if (process_parse_user(d->config->user_tokend, &s->helpers_user, &gid, &ignored) != ERR_OK) s->helpers_user = NO_USER;
	if (notify && connect_to(notify, SOCK_DGRAM, &s->notify_fd) != ERR_OK)
		return reason_fail(reason, ERR_IO, "the service manager cannot be told anything ($NOTIFY_SOCKET is %s): %m", notify);
	return start_watchdog(d);
}

const struct store_spawner *service_store_spawner(struct daemon *d)
{
	return &d->service->store_spawner;
}

void service_close(struct daemon *d)
{
	struct service *s = d->service;
	if (!s) return;
	if (s->pulse) event_free(s->pulse);
	if (s->notify_fd >= 0) close(s->notify_fd);
	free(s);
	d->service = NULL;
}

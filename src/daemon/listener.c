/* The listening socket. */
#include "daemon/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "kmip/message.h"

#define BACKLOG 4096
#define ACCEPTS_PER_WAKE 64
#define OPERATOR_PLACES 8u /* connections of root and the daemon's own user beyond max_connections */
#define REFUSAL_MAX 2048u /* bytes of the frame that refuses a connection */
#define PAUSE_MS 100 /* after EMFILE, so that the loop does not spin */
#define PAUSE_TELL_MS 60000u

static enum coffer_err socket_address(const char *path, struct sockaddr_un *out, struct reason *reason)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (path[0] != '/' || strlen(path) >= sizeof out->sun_path)
		return reason_fail(reason, ERR_USAGE, "socket: '%s' must be an absolute path of at most %zu characters", path,
			sizeof out->sun_path - 1);
	memcpy(out->sun_path, path, strlen(path) + 1);
	return ERR_OK;
}

static enum coffer_err check_directory(const char *path, struct reason *reason)
{
	char dir[sizeof ((struct sockaddr_un *)0)->sun_path];
	struct stat st;
	memcpy(dir, path, strlen(path) + 1);
	char *slash = strrchr(dir, '/');
	slash[slash == dir ? 1 : 0] = '\0';
	if (stat(dir, &st) != 0)
		return reason_fail(reason, ERR_USAGE, "the socket's directory %s cannot be used: %s", dir, strerror(errno));
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return reason_fail(reason, ERR_USAGE,
			"the socket's directory %s can be written by others, who could put their own socket there; mend it with chown and 'chmod go-w %s'",
			dir, dir);
	return ERR_OK;
}

/* A socket that nobody listens on is a leftover of ours; anything else is somebody's. */
static enum coffer_err remove_leftover(const struct sockaddr_un *address, struct reason *reason)
{
	struct stat st;
	if (lstat(address->sun_path, &st) != 0) return ERR_OK;
	if (!S_ISSOCK(st.st_mode))
		return reason_fail(reason, ERR_USAGE, "%s exists and is not a socket; move it away", address->sun_path);
	AUTO_FD int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) == 0)
		return reason_fail(reason, ERR_BUSY, "another daemon answers at %s; stop it first", address->sun_path);
	if (unlink(address->sun_path) != 0)
		return reason_fail(reason, ERR_IO, "the old socket %s cannot be removed: %s", address->sun_path, strerror(errno));
	return ERR_OK;
}

enum coffer_err listener_open(struct daemon *d, struct reason *reason)
{
	struct sockaddr_un address;
	const struct config *config = d->engine.config;
	TRY(socket_address(config->socket, &address, reason));
	TRY(check_directory(config->socket, reason));
	TRY(remove_leftover(&address, reason));
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    chmod(config->socket, (mode_t)config->socket_mode) != 0 || listen(fd, BACKLOG) != 0)
		return reason_fail(reason, ERR_IO, "the socket %s cannot be made: %s", config->socket, strerror(errno));
	d->listen_fd = TAKE_FD(fd);
	return ERR_OK;
}

/* One frame with the sentence; whether it is read is the client's affair. */
static void refuse(struct daemon *d, int fd, enum coffer_err err, const struct reason *reason)
{
	uint8_t bytes[REFUSAL_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	kmip_refuse(&w, KMIP_VERSION_HIGHEST, (int64_t)clock_wall_s(), err, reason_text(reason, err));
	if (writer_done(&w) == ERR_OK) {
		ssize_t n = send(fd, bytes, writer_len(&w), MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)n;
	}
	d->engine.refused++;
	close(fd);
}

/* The operator gets in when all other places are taken. */
static enum coffer_err enter(struct daemon *d, const struct principal *principal, struct peer **out, struct reason *reason)
{
	const struct config *config = d->engine.config;
	bool own = principal_is_own(principal);
	uint64_t most = config->max_connections + (own ? OPERATOR_PLACES : 0u);
	uint64_t room = d->connection_room, kept = room / 4 < OPERATOR_PLACES ? room / 4 : OPERATOR_PLACES;
	if (d->engine.connections >= room - (own ? 0 : kept))
		return reason_fail(reason, ERR_LIMIT, "the daemon has as many connections as it has descriptors for (LimitNOFILE); try again later");
	if (d->engine.connections >= most)
		return reason_fail(reason, ERR_LIMIT, "the daemon has as many connections as it may (max_connections); try again later");
	return peers_enter(d->peers, principal, config->max_connections_per_principal, out, reason);
}

/* False: the descriptor and the place stay the caller's. */
static bool hand_over(struct daemon *d, int fd, struct peer *peer)
{
	struct worker *w = &d->workers[d->next_worker++ % d->worker_count];
	struct job *job = calloc(1, sizeof *job);
	if (!job) return false;
	job->kind = JOB_ADOPT;
	job->fd = fd;
	job->peer = peer;
	d->engine.connections++;
	if (job_queue_put(&w->inbox, job)) return true;
	d->engine.connections--;
	free(job);
	return false;
}

static void take_in(struct daemon *d, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	struct principal principal;
	struct peer *place = NULL;
	struct reason reason = { "" };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer) {
		d->engine.refused++;
		close(fd);
		return;
	}
	principal_from_uid(peer.uid, peer.pid, &principal);
	enum coffer_err err = enter(d, &principal, &place, &reason);
	if (err) {
		refuse(d, fd, err, &reason);
	} else if (!hand_over(d, fd, place)) {
		peers_leave(d->peers, place);
		close(fd);
	}
}

/* Once in a while: it lasts as long as the clients let it. */
static void tell_pause(struct daemon *d)
{
	uint64_t now = clock_mono_ms();
	if (d->accept_failed_ms != 0 && now - d->accept_failed_ms < PAUSE_TELL_MS) return;
	d->accept_failed_ms = now;
	log_warn("no more connections can be accepted for now: %m");
}

/* True when there may be more to accept. */
static bool accept_one(struct daemon *d)
{
	int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			tell_pause(d);
			event_del(d->accept_event);
			struct timeval tv = { 0, PAUSE_MS * 1000 };
			event_add(d->accept_pause, &tv);
		}
		return errno == EINTR || errno == ECONNABORTED;
	}
	take_in(d, fd);
	return true;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPTS_PER_WAKE && accept_one(arg); i++) {
	}
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	(void)fd;
	(void)what;
	if (!d->draining) event_add(d->accept_event, NULL);
}

enum coffer_err listener_start(struct daemon *d)
{
	d->accept_event = event_new(d->base, d->listen_fd, EV_READ | EV_PERSIST, on_accept, d);
	d->accept_pause = event_new(d->base, -1, 0, on_pause_over, d);
	ENSURE(d->accept_event && d->accept_pause && event_add(d->accept_event, NULL) == 0, ERR_MEMORY);
	return ERR_OK;
}

void listener_close(struct daemon *d)
{
	if (d->accept_event) event_free(d->accept_event);
	if (d->accept_pause) event_free(d->accept_pause);
	d->accept_event = d->accept_pause = NULL;
	if (d->listen_fd < 0) return;
	close(d->listen_fd);
	d->listen_fd = -1;
	unlink(d->engine.config->socket);
}

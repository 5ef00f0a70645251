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
#include "base/log.h"

#define BACKLOG 4096
#define ACCEPTS_PER_WAKE 64
#define PAUSE_MS 100 /* after EMFILE, so that the loop does not spin */

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

static void hand_over(struct daemon *d, int fd, const struct ucred *peer)
{
	struct worker *w = &d->workers[d->next_worker++ % d->worker_count];
	struct job *job = calloc(1, sizeof *job);
	if (job) {
		job->kind = JOB_ADOPT;
		job->fd = fd;
		principal_from_uid(peer->uid, peer->pid, &job->principal);
		d->engine.connections++;
		if (job_queue_put(&w->inbox, job)) return;
		d->engine.connections--;
		free(job);
	}
	close(fd);
}

/* True when there may be more to accept. */
static bool accept_one(struct daemon *d)
{
	int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warn("no more connections can be accepted for now: %s", strerror(errno));
			event_del(d->accept_event);
			struct timeval tv = { 0, PAUSE_MS * 1000 };
			event_add(d->accept_pause, &tv);
		}
		return errno == EINTR || errno == ECONNABORTED;
	}
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (d->engine.connections >= d->engine.config->max_connections ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer) {
		d->engine.refused++;
		close(fd);
		return true;
	}
	hand_over(d, fd, &peer);
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

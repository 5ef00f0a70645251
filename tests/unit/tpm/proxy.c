/* The man in the middle. */
#include "unit/tpm/proxy.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MESSAGE_MAX 8192u
#define HEADER_LEN 10u
#define LOG_MAX (4u << 20)
#define SEEN_MAX 4096u
#define WINDOW 8u

enum fault { FAULT_NONE, FAULT_ANSWER, FAULT_FLIP, FAULT_CUT };

struct proxy {
	char uri[128], tcti[96], upstream[64];
	char path[64];
	int listener;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	bool stop;
	enum fault fault;
	uint32_t fault_command;
	unsigned times;
	uint32_t rc;
	size_t at;
	uint8_t mask;
	uint32_t seen[SEEN_MAX];
	size_t seen_count;
	uint8_t *log;
	size_t log_len;
};

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool read_exactly(int fd, uint8_t *out, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = recv(fd, out + done, len - done, 0);
		if (n <= 0) return false;
		done += (size_t)n;
	}
	return true;
}

static bool read_message(int fd, uint8_t *out, size_t *out_len)
{
	if (!read_exactly(fd, out, HEADER_LEN)) return false;
	size_t len = get_u32(out + 2);
	if (len < HEADER_LEN || len > MESSAGE_MAX || !read_exactly(fd, out + HEADER_LEN, len - HEADER_LEN)) return false;
	*out_len = len;
	return true;
}

static bool send_all(int fd, const uint8_t *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = send(fd, bytes + done, len - done, MSG_NOSIGNAL);
		if (n <= 0) return false;
		done += (size_t)n;
	}
	return true;
}

static void log_bytes(struct proxy *p, const uint8_t *bytes, size_t len)
{
	if (p->log_len + len > LOG_MAX) abort();
	memcpy(p->log + p->log_len, bytes, len);
	p->log_len += len;
}

static size_t make_answer(uint8_t *out, uint32_t rc)
{
	const uint8_t answer[HEADER_LEN] = { 0x80, 0x01, 0, 0, 0, HEADER_LEN, (uint8_t)(rc >> 24), (uint8_t)(rc >> 16),
		(uint8_t)(rc >> 8),
		(uint8_t)rc };
	memcpy(out, answer, sizeof answer);
	return sizeof answer;
}

/* Notes the command; true when the proxy answers it itself. */
static bool take_command(struct proxy *p, const uint8_t *command, size_t len, uint32_t *out_rc)
{
	uint32_t code = get_u32(command + 6);
	(void)pthread_mutex_lock(&p->lock);
	log_bytes(p, command, len);
	if (p->seen_count < SEEN_MAX) p->seen[p->seen_count++] = code;
	bool mine = p->fault == FAULT_ANSWER && p->fault_command == code && p->times > 0;
	if (mine) p->times--;
	*out_rc = p->rc;
	(void)pthread_mutex_unlock(&p->lock);
	return mine;
}

/* Logs the answer as the TPM gave it, then alters it; false when the connection shall end after it. */
static bool take_answer(struct proxy *p, uint32_t code, uint8_t *answer, size_t *len)
{
	bool go_on = true;
	(void)pthread_mutex_lock(&p->lock);
	log_bytes(p, answer, *len);
	if ((p->fault == FAULT_FLIP || p->fault == FAULT_CUT) && p->fault_command == code) {
		if (p->fault == FAULT_FLIP && p->at < *len) answer[p->at] ^= p->mask;
		if (p->fault == FAULT_CUT) {
			if (p->at < *len) *len = p->at;
			go_on = false;
		}
		p->fault = FAULT_NONE;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return go_on;
}

static void serve(struct proxy *p, int client, int server)
{
	static uint8_t message[MESSAGE_MAX]; /* one proxy thread at a time */
	size_t len = 0;
	bool go_on = true;
	while (go_on && read_message(client, message, &len)) {
		uint32_t code = get_u32(message + 6), rc = 0;
		if (take_command(p, message, len, &rc)) {
			len = make_answer(message, rc);
		} else {
			if (!send_all(server, message, len) || !read_message(server, message, &len)) return;
			go_on = take_answer(p, code, message, &len);
		}
		if (!send_all(client, message, len)) return;
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0) return fd;
	if (fd >= 0) (void)close(fd);
	return -1;
}

static bool stopped(struct proxy *p)
{
	(void)pthread_mutex_lock(&p->lock);
	bool stop = p->stop;
	(void)pthread_mutex_unlock(&p->lock);
	return stop;
}

static void *run(void *arg)
{
	struct proxy *p = arg;
	while (!stopped(p)) {
		struct pollfd fd = { .fd = p->listener, .events = POLLIN };
		if (poll(&fd, 1, 50) <= 0) continue;
		AUTO_FD int client = accept(p->listener, NULL, NULL);
		AUTO_FD int server = client >= 0 ? connect_to(p->upstream) : -1;
		if (server >= 0) serve(p, client, server);
	}
	return NULL;
}

struct proxy *proxy_new(const struct swtpm *s)
{
	char ctrl[80], ctrl_target[80];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct proxy *p = calloc(1, sizeof *p);
	if (!p || !(p->log = malloc(LOG_MAX))) abort();
	(void)snprintf(p->upstream, sizeof p->upstream, "%s", s->socket);
	(void)snprintf(p->path, sizeof p->path, "%s/proxy", s->dir);
	(void)snprintf(p->tcti, sizeof p->tcti, "swtpm:path=%s", p->path);
	(void)snprintf(p->uri, sizeof p->uri, "tpm2:%s", p->tcti);
	(void)snprintf(ctrl, sizeof ctrl, "%s.ctrl", p->path);
	(void)snprintf(ctrl_target, sizeof ctrl_target, "%s.ctrl", s->socket);
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", p->path);
	(void)unlink(p->path);
	(void)unlink(ctrl);
	if (symlink(ctrl_target, ctrl) != 0) abort();
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->listener < 0 || bind(p->listener, (const struct sockaddr *)&a, sizeof a) != 0 || listen(p->listener,
		4) != 0) abort();
	if (pthread_mutex_init(&p->lock, NULL) != 0 || pthread_create(&p->thread, NULL, run, p) != 0) abort();
	return p;
}

void proxy_free(struct proxy *p)
{
	if (!p) return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	(void)pthread_mutex_unlock(&p->lock);
	(void)pthread_join(p->thread, NULL);
	(void)close(p->listener);
	(void)unlink(p->path);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->log);
	free(p);
}

const char *proxy_uri(const struct proxy *p) { return p->uri; }
const char *proxy_tcti(const struct proxy *p) { return p->tcti; }

static void set_fault(struct proxy *p, enum fault fault, uint32_t command, uint32_t rc, unsigned times, size_t at,
	uint8_t mask)
{
	(void)pthread_mutex_lock(&p->lock);
	p->fault = fault;
	p->fault_command = command;
	p->rc = rc;
	p->times = times;
	p->at = at;
	p->mask = mask;
	(void)pthread_mutex_unlock(&p->lock);
}

void proxy_answer(struct proxy *p, uint32_t command, uint32_t rc, unsigned times)
{
	set_fault(p, FAULT_ANSWER, command, rc, times, 0, 0);
}

void proxy_flip(struct proxy *p, uint32_t command, size_t at, uint8_t mask)
{
	set_fault(p, FAULT_FLIP, command, 0, 0, at, mask);
}

void proxy_cut(struct proxy *p, uint32_t command, size_t len)
{
	set_fault(p, FAULT_CUT, command, 0, 0, len, 0);
}

unsigned proxy_seen(struct proxy *p, uint32_t command)
{
	unsigned count = 0;
	(void)pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->seen_count; i++) count += p->seen[i] == command;
	(void)pthread_mutex_unlock(&p->lock);
	return count;
}

size_t proxy_windows_of(struct proxy *p, struct view secret)
{
	size_t found = 0;
	(void)pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i + WINDOW <= secret.len; i++) {
		if (memmem(p->log, p->log_len, secret.ptr + i, WINDOW)) found++;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return found;
}

size_t proxy_log_len(struct proxy *p)
{
	(void)pthread_mutex_lock(&p->lock);
	size_t len = p->log_len;
	(void)pthread_mutex_unlock(&p->lock);
	return len;
}

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
#define SEEN_MAX 4096u /* commands that are remembered by their codes, the last ones */
#define WINDOW 8u

enum fault { FAULT_NONE, FAULT_ANSWER, FAULT_FLIP, FAULT_CUT, FAULT_CUT_COMMAND, FAULT_HOOK, FAULT_LATE, FAULT_CHANGE, FAULT_INJECT };

struct proxy {
	char uri[128], tcti[96], upstream[64];
	char path[64];
	int listener;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	bool stop, quiet;
	enum fault fault;
	uint32_t fault_command; /* PROXY_ANY: every code */
	unsigned nth, times;    /* the nth matching command from now on, and how many from there */
	proxy_hook *hook;
	proxy_change *change;
	void *arg;
	unsigned full;          /* answers 0x902, 0x903, 0x904 of the TPM itself */
	uint32_t rc;
	size_t at;
	uint8_t mask;
	struct view injected;
	uint32_t seen[SEEN_MAX]; /* a ring */
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
	if (p->quiet) return;
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

static bool stopped(struct proxy *p)
{
	(void)pthread_mutex_lock(&p->lock);
	bool stop = p->stop;
	(void)pthread_mutex_unlock(&p->lock);
	return stop;
}

/* What happens to one command: copied out under the lock. */
struct plan {
	enum fault fault;
	uint32_t rc;
	size_t at;
	uint8_t mask;
	proxy_hook *hook;
	proxy_change *change;
	void *arg;
	struct view injected;
};

/* Notes the command and says what is to happen to it. */
static struct plan take_command(struct proxy *p, const uint8_t *command, size_t len)
{
	uint32_t code = get_u32(command + 6);
	struct plan plan = { .fault = FAULT_NONE };
	(void)pthread_mutex_lock(&p->lock);
	log_bytes(p, command, len);
	p->seen[p->seen_count++ % SEEN_MAX] = code;
	if (p->fault != FAULT_NONE && (p->fault_command == PROXY_ANY || p->fault_command == code)) {
		if (p->nth > 1) {
			p->nth--;
		} else {
			plan = (struct plan){ p->fault, p->rc, p->at, p->mask, p->hook, p->change, p->arg, p->injected };
			if (--p->times == 0) p->fault = FAULT_NONE;
		}
	}
	(void)pthread_mutex_unlock(&p->lock);
	return plan;
}

/* Logs the answer as the TPM gave it. */
static void note_answer(struct proxy *p, const uint8_t *answer, size_t len)
{
	uint32_t rc = get_u32(answer + 6);
	(void)pthread_mutex_lock(&p->lock);
	log_bytes(p, answer, len);
	p->full += rc == 0x902 || rc == 0x903 || rc == 0x904;
	(void)pthread_mutex_unlock(&p->lock);
}

/* Alters the answer; false when the connection shall end after it. */
static bool alter(struct proxy *p, const struct plan *plan, uint32_t code, uint8_t *answer, size_t *len)
{
	if (plan->fault == FAULT_FLIP && plan->at < *len) answer[plan->at] ^= plan->mask;
	if (plan->fault == FAULT_CUT && plan->at < *len) *len = plan->at;
	if (plan->fault == FAULT_LATE) {
		for (size_t waited = 0; waited < plan->at && !stopped(p); waited += 10) (void)poll(NULL, 0, 10);
	}
	if (plan->fault == FAULT_CHANGE) return plan->change(plan->arg, code, answer, len, MESSAGE_MAX);
	return plan->fault != FAULT_CUT;
}

/* A command of our own before the client's; its answer goes nowhere but must be success. */
static bool inject(int server, const struct plan *plan)
{
	uint8_t answer[MESSAGE_MAX];
	size_t len = 0;
	if (!send_all(server, plan->injected.ptr, plan->injected.len) || !read_message(server, answer, &len)) return false;
	if (get_u32(answer + 6) != 0) abort();
	return true;
}

/* One command and its answer; false at the connection's end. */
static bool serve_one(struct proxy *p, int client, int server, uint8_t *message)
{
	size_t len = 0;
	bool go_on = true;
	if (!read_message(client, message, &len)) return false;
	uint32_t code = get_u32(message + 6);
	struct plan plan = take_command(p, message, len);
	if (plan.fault == FAULT_HOOK) plan.hook(plan.arg);
	if (plan.fault == FAULT_INJECT && !inject(server, &plan)) return false;
	if (plan.fault == FAULT_CUT_COMMAND) {
		(void)send_all(server, message, plan.at < len ? plan.at : len);
		return false;
	}
	if (plan.fault == FAULT_ANSWER) {
		len = make_answer(message, plan.rc);
	} else {
		if (!send_all(server, message, len) || !read_message(server, message, &len)) return false;
		note_answer(p, message, len);
		go_on = alter(p, &plan, code, message, &len);
	}
	return send_all(client, message, len) && go_on;
}

static void serve(struct proxy *p, int client, int server)
{
	static uint8_t message[MESSAGE_MAX]; /* one proxy thread at a time */
	while (serve_one(p, client, server, message)) continue;
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

static void set_fault(struct proxy *p, const struct plan *plan, uint32_t command, unsigned nth, unsigned times)
{
	(void)pthread_mutex_lock(&p->lock);
	p->fault = times ? plan->fault : FAULT_NONE;
	p->fault_command = command;
	p->nth = nth;
	p->times = times;
	p->rc = plan->rc;
	p->at = plan->at;
	p->mask = plan->mask;
	p->hook = plan->hook;
	p->change = plan->change;
	p->arg = plan->arg;
	p->injected = plan->injected;
	(void)pthread_mutex_unlock(&p->lock);
}

void proxy_answer_nth(struct proxy *p, uint32_t command, unsigned nth, uint32_t rc, unsigned times)
{
	const struct plan plan = { .fault = FAULT_ANSWER, .rc = rc };
	set_fault(p, &plan, command, nth, times);
}

void proxy_answer(struct proxy *p, uint32_t command, uint32_t rc, unsigned times)
{
	proxy_answer_nth(p, command, 1, rc, times);
}

void proxy_flip(struct proxy *p, uint32_t command, size_t at, uint8_t mask)
{
	const struct plan plan = { .fault = FAULT_FLIP, .at = at, .mask = mask };
	set_fault(p, &plan, command, 1, 1);
}

void proxy_cut(struct proxy *p, uint32_t command, size_t len)
{
	proxy_cut_nth(p, command, 1, len);
}

void proxy_cut_nth(struct proxy *p, uint32_t command, unsigned nth, size_t len)
{
	const struct plan plan = { .fault = FAULT_CUT, .at = len };
	set_fault(p, &plan, command, nth, 1);
}

void proxy_cut_command(struct proxy *p, uint32_t command, unsigned nth, size_t len)
{
	const struct plan plan = { .fault = FAULT_CUT_COMMAND, .at = len };
	set_fault(p, &plan, command, nth, 1);
}

void proxy_hook_at(struct proxy *p, uint32_t command, unsigned nth, proxy_hook *hook, void *arg)
{
	const struct plan plan = { .fault = FAULT_HOOK, .hook = hook, .arg = arg };
	set_fault(p, &plan, command, nth, 1);
}

void proxy_late(struct proxy *p, uint32_t command, unsigned nth, size_t ms)
{
	const struct plan plan = { .fault = FAULT_LATE, .at = ms };
	set_fault(p, &plan, command, nth, 1);
}

void proxy_inject(struct proxy *p, uint32_t command, unsigned nth, struct view bytes)
{
	const struct plan plan = { .fault = FAULT_INJECT, .injected = bytes };
	set_fault(p, &plan, command, nth, 1);
}

void proxy_change_at(struct proxy *p, uint32_t command, unsigned nth, proxy_change *change, void *arg)
{
	const struct plan plan = { .fault = FAULT_CHANGE, .change = change, .arg = arg };
	set_fault(p, &plan, command, nth, 1);
}

void proxy_clear(struct proxy *p)
{
	const struct plan none = { .fault = FAULT_NONE };
	set_fault(p, &none, PROXY_ANY, 1, 0);
	(void)pthread_mutex_lock(&p->lock);
	p->seen_count = 0;
	(void)pthread_mutex_unlock(&p->lock);
}

void proxy_quiet(struct proxy *p)
{
	(void)pthread_mutex_lock(&p->lock);
	p->quiet = true;
	(void)pthread_mutex_unlock(&p->lock);
}

unsigned proxy_full(struct proxy *p)
{
	(void)pthread_mutex_lock(&p->lock);
	unsigned full = p->full;
	(void)pthread_mutex_unlock(&p->lock);
	return full;
}

size_t proxy_commands(struct proxy *p, uint32_t *codes, size_t cap)
{
	(void)pthread_mutex_lock(&p->lock);
	size_t count = p->seen_count;
	for (size_t i = 0; i < count && i < cap && i < SEEN_MAX; i++) codes[i] = p->seen[i];
	(void)pthread_mutex_unlock(&p->lock);
	return count;
}

unsigned proxy_seen(struct proxy *p, uint32_t command)
{
	unsigned count = 0;
	(void)pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->seen_count && i < SEEN_MAX; i++) count += p->seen[i] == command;
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

/* The control channel. */
#include "daemon/link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/service.h"
#include "daemon/shutdown.h"
#include "monitor/control.h"

#define SEND_DEADLINE_MS 2000u
#define START_DEADLINE_S 5
#define STARTS_MAX 4u

/* A start that a proxy's thread waits for. */
struct start {
	uint32_t request; /* 0: free */
	bool done;
	enum coffer_err err;
	int fd;
	uint32_t instance;
	struct reason reason;
};

struct control_link {
	int fd;
	struct event *event;
	pthread_mutex_t send_lock;
	pthread_mutex_t lock;      /* guards the four below */
	pthread_cond_t answered;
	struct start starts[STARTS_MAX];
	uint32_t next_request;
	bool over;                 /* nobody reads answers any more */
	_Atomic bool looping;      /* the main loop reads messages; before that whoever waits for an answer does */
	_Atomic bool stop_asked;   /* and this is what one of them read */
	struct token_spawner spawner;
	struct store_spawner store_spawner;
};

#define LOOK_MS 20

static enum coffer_err send_message(struct control_link *link, const struct control_message *message)
{
	pthread_mutex_lock(&link->send_lock);
	enum coffer_err err = control_send(link->fd, message, -1, clock_mono_ms() + SEND_DEADLINE_MS);
	pthread_mutex_unlock(&link->send_lock);
	if (err) log_warn("the monitor did not take a message: %s", err_text(err));
	return err;
}

static struct start *find_start(struct control_link *link, uint32_t request)
{
	for (size_t i = 0; i < STARTS_MAX; i++)
		if (link->starts[i].request == request) return &link->starts[i];
	return NULL;
}

static enum coffer_err wait_start(struct control_link *link, struct start *s)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += START_DEADLINE_S;
	int rc = 0;
	while (!s->done && !link->over && rc == 0) rc = pthread_cond_timedwait(&link->answered, &link->lock, &until);
	return s->done ? s->err : link->over ? ERR_CLOSED : ERR_TIMEOUT;
}

static void read_early(struct control_link *link, const struct start *s);

static enum coffer_err start_helper(struct control_link *link, struct control_message *message, const char *what, int *out_fd, uint32_t *out_instance,
	struct reason *reason)
{
	pthread_mutex_lock(&link->lock);
	struct start *s = find_start(link, 0);
	if (!s) {
		pthread_mutex_unlock(&link->lock);
		return reason_fail(reason, ERR_BUSY, "too many helpers are being started");
	}
	if (++link->next_request == 0) link->next_request = 1;
	*s = (struct start){ .request = link->next_request, .fd = -1 };
	message->request = s->request;
	pthread_mutex_unlock(&link->lock);
	enum coffer_err err = send_message(link, message);
	if (!err && message->op == CONTROL_START_STORED) read_early(link, s);
	pthread_mutex_lock(&link->lock);
	if (!err) err = wait_start(link, s);
	if (!err) {
		*out_fd = s->fd;
		*out_instance = s->instance;
	} else {
		if (s->fd >= 0) close(s->fd);
		err = reason_fail(reason, err, "the %s cannot be started: %s", what, reason_text(&s->reason, err));
	}
	s->request = 0;
	pthread_mutex_unlock(&link->lock);
	return err;
}

static enum coffer_err start_tokend(void *arg, enum token_kind kind, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	struct control_message message = { .op = CONTROL_START_TOKEND, .kind = kind };
	return start_helper(arg, &message, "token helper", out_fd, out_instance, reason);
}

static enum coffer_err start_stored(void *arg, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	struct control_message message = { .op = CONTROL_START_STORED };
	return start_helper(arg, &message, "store helper", out_fd, out_instance, reason);
}

static void kill_tokend(void *arg, uint32_t instance)
{
	enum coffer_err err = send_message(arg, &(struct control_message){ .op = CONTROL_KILL_TOKEND, .instance = instance });
	(void)err; /* logged */
}

/* A late answer, after its waiter gave up, ends the helper by closing its channel. */
static void start_answered(struct control_link *link, const struct control_message *message, int fd)
{
	pthread_mutex_lock(&link->lock);
	struct start *s = message->request ? find_start(link, message->request) : NULL;
	if (s && !s->done) {
		s->done = true;
		s->fd = fd;
		s->instance = message->instance;
		s->err = message->op == CONTROL_TOKEND_STARTED ? ERR_OK : reason_fail(&s->reason, ERR_TOKEN_GONE, "%s", message->text);
		fd = -1;
		pthread_cond_broadcast(&link->answered);
	}
	pthread_mutex_unlock(&link->lock);
	if (fd >= 0) close(fd);
}

static bool is_done(struct control_link *link, const struct start *s)
{
	pthread_mutex_lock(&link->lock);
	bool done = s->done;
	pthread_mutex_unlock(&link->lock);
	return done;
}

/* Until the main loop runs: the store is opened before. A message that this thread and the loop both see is had by one of them. */
static void read_early(struct control_link *link, const struct start *s)
{
	struct pollfd p = { .fd = link->fd, .events = POLLIN };
	uint64_t until_ms = clock_mono_ms() + START_DEADLINE_S * 1000;
	while (!link->looping && !is_done(link, s) && clock_mono_ms() < until_ms) {
		struct control_message message;
		int fd = -1;
		if (poll(&p, 1, LOOK_MS) <= 0) continue;
		enum coffer_err err = control_recv(link->fd, clock_mono_ms() + LOOK_MS, &message, &fd);
		if (err == ERR_TIMEOUT || err == ERR_BUSY) continue;
		if (err || message.op == CONTROL_STOP) link->stop_asked = true;
		if (err) return;
		if (message.op == CONTROL_TOKEND_STARTED || message.op == CONTROL_START_FAILED) start_answered(link, &message, fd);
	}
}

static void on_message(struct daemon *d, const struct control_message *message, int fd)
{
	switch (message->op) {
	case CONTROL_TOKEND_STARTED:
	case CONTROL_START_FAILED:
		start_answered(d->link, message, fd);
		break;
	case CONTROL_TOKEND_EXITED:
		log_debug("helper %u ended", message->instance);
		break;
	case CONTROL_RELOAD:
		shutdown_reload(d);
		break;
	case CONTROL_STOP:
		shutdown_begin(d);
		break;
	default:
		break;
	}
}

static void on_readable(evutil_socket_t sock, short what, void *arg)
{
	struct daemon *d = arg;
	struct control_message message;
	int fd = -1;
	(void)what;
	enum coffer_err err = control_recv((int)sock, clock_mono_ms() + 100, &message, &fd);
	if (!err) {
		on_message(d, &message, fd);
	} else if (err != ERR_TIMEOUT && err != ERR_BUSY) {
		log_error("the monitor is gone: stopping");
		event_del(d->link->event);
		shutdown_begin(d);
	}
}

static enum coffer_err open_control(struct daemon *d, int fd)
{
	struct control_link *link = calloc(1, sizeof *link);
	ENSURE(link, ERR_MEMORY);
	link->fd = fd;
	link->spawner = (struct token_spawner){ start_tokend, kill_tokend, link };
	link->store_spawner = (struct store_spawner){ start_stored, kill_tokend, link };
	pthread_mutex_init(&link->send_lock, NULL);
	pthread_mutex_init(&link->lock, NULL);
	pthread_cond_init(&link->answered, NULL);
	link->event = event_new(d->base, fd, EV_READ | EV_PERSIST, on_readable, d);
	d->link = link;
	d->engine.spawner = &link->spawner;
	ENSURE(link->event && event_add(link->event, NULL) == 0, ERR_MEMORY);
	return ERR_OK;
}

enum coffer_err link_open(struct daemon *d, const struct options *options, struct reason *reason)
{
	return options->tokend_sockets ? service_open(d, options->tokend_sockets, reason) : open_control(d, options->control_fd);
}

enum coffer_err link_start_notify(struct daemon *d, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	if (!d->link) return service_start_notify(d, out_fd, out_instance, reason);
	struct control_message message = { .op = CONTROL_START_NOTIFY };
	return start_helper(d->link, &message, "helper of notify_command", out_fd, out_instance, reason);
}

void link_kill_notify(struct daemon *d, uint32_t instance)
{
	if (d->link) kill_tokend(d->link, instance);
}

void link_close(struct daemon *d)
{
	struct control_link *link = d->link;
	service_close(d);
	if (!link) return;
	if (link->event) event_free(link->event);
	close(link->fd);
	pthread_cond_destroy(&link->answered);
	pthread_mutex_destroy(&link->lock);
	pthread_mutex_destroy(&link->send_lock);
	free(link);
	d->link = NULL;
}

static void send_plain(struct daemon *d, enum control_op op, const char *text)
{
	struct control_message message = { .op = op };
	if (text) snprintf(message.text, sizeof message.text, "%s", text);
	if (!d->link) return;
	enum coffer_err err = send_message(d->link, &message);
	(void)err; /* logged */
}

void link_ready(struct daemon *d)
{
	send_plain(d, CONTROL_READY, NULL);
	service_say(d, "READY=1");
}

void link_reloading(struct daemon *d)
{
	char text[64];
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_mono_ms() * 1000);
	service_say(d, text);
}

void link_status(struct daemon *d, const char *text)
{
	char line[CONTROL_TEXT_MAX + sizeof "STATUS="];
	send_plain(d, CONTROL_STATUS, text);
	snprintf(line, sizeof line, "STATUS=%s", text);
	service_say(d, line);
}

const struct store_spawner *link_store_spawner(struct daemon *d)
{
	return d->link ? &d->link->store_spawner : service_store_spawner(d);
}

bool link_looping(struct daemon *d)
{
	if (!d->link) return true;
	d->link->looping = true;
	return !d->link->stop_asked;
}

void link_no_answers(struct daemon *d)
{
	struct control_link *link = d->link;
	if (!link) return;
	pthread_mutex_lock(&link->lock);
	link->over = true;
	pthread_cond_broadcast(&link->answered);
	pthread_mutex_unlock(&link->lock);
}

void link_stopping(struct daemon *d)
{
	send_plain(d, CONTROL_STOPPING, NULL);
	service_say(d, "STOPPING=1");
}

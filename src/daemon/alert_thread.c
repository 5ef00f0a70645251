/* Looking, keeping, telling; in this order, so that what was told is what is on the disk. */
#include "daemon/alert_thread.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/alert_file.h"
#include "daemon/alert_journal.h"
#include "daemon/alert_look.h"
#include "daemon/alert_tell.h"
#include "keyring/domain.h"

#define LOOK_MS 500u
#define END_MS 1000u /* for an event under way when the daemon stops */

struct alert_thread {
	struct daemon *daemon;
	pthread_t thread;
	int wake_fd;
	_Atomic bool ending;
	pthread_mutex_t lock;          /* guards what follows, up to file; held while it is read */
	bool known;                    /* the node has a domain: the next four are right, the file is open */
	char host[72], node[UUID_TEXT_LEN + 1], domain[DOMAIN_FINGERPRINT_TEXT];
	struct alert_origin origin;
	struct alert_file file;
	struct alert_tell tell;
	struct alert_gaps gaps;
	uint64_t looked_ms;
};

static void wake(void *arg)
{
	struct alert_thread *t = arg;
	uint64_t one = 1;
	(void)!write(t->wake_fd, &one, sizeof one);
}

/* Under the lock. */
static void know(struct alert_thread *t)
{
	struct daemon *d = t->daemon;
	struct utsname name;
	if (uname(&name) == 0) text_printable(view_str(name.nodename), t->host, sizeof t->host);
	text_uuid(d->engine.identity.domain.node_id, t->node);
	domain_fingerprint_text(&d->engine.identity.domain, t->domain);
	t->origin = (struct alert_origin){ .host = t->host, .node = t->node, .domain = t->domain };
	alert_file_open(&t->file, d->config->state_dir, d->engine.alerts);
	t->known = true;
}

void alert_thread_know(struct daemon *d)
{
	struct alert_thread *t = d->alert_thread;
	if (!t) return;
	pthread_mutex_lock(&t->lock);
	if (!t->known) know(t);
	pthread_mutex_unlock(&t->lock);
}

/* From the moment on that the node has a domain it stays the same until the process ends. */
static bool is_known(struct alert_thread *t)
{
	enum engine_state state = engine_state_get(&t->daemon->engine);
	pthread_mutex_lock(&t->lock);
	if (!t->known && state != ENGINE_STARTING && state != ENGINE_UNINITIALISED) know(t);
	bool known = t->known;
	pthread_mutex_unlock(&t->lock);
	return known;
}

static void keep(struct alert_thread *t)
{
	if (alerts_is_dirty(t->daemon->engine.alerts)) (void)alert_file_save(&t->file, t->daemon->engine.alerts);
}

static void step(struct alert_thread *t)
{
	struct daemon *d = t->daemon;
	struct alert_event event;
	uint64_t now = clock_mono_ms();
	if (!t->ending && (!t->looked_ms || now - t->looked_ms >= LOOK_MS)) {
		t->looked_ms = now;
		alert_look(d, &t->gaps);
		alerts_look(d->engine.alerts);
	}
	keep(t);
	while (alerts_take_fresh(d->engine.alerts, &event)) alert_journal_put(d->engine.config->alert_journal, &event, &t->origin);
	if (t->ending && !t->tell.waiting) return;
	alert_tell_step(&t->tell, d, &t->origin);
	keep(t);
}

static void *alert_main(void *arg)
{
	struct alert_thread *t = arg;
	uint64_t end_ms = 0, count;
	prctl(PR_SET_NAME, "alert");
	for (;;) {
		if (is_known(t)) step(t);
		if (t->ending && !end_ms) end_ms = clock_mono_ms() + END_MS;
		if (t->ending && (!t->tell.waiting || clock_mono_ms() >= end_ms)) break;
		struct pollfd fds[] = { { .fd = t->wake_fd, .events = POLLIN }, { .fd = t->tell.waiting ? t->tell.fd : -1, .events = POLLIN } };
		if (poll(fds, 2, t->ending ? 50 : (int)LOOK_MS) > 0 && fds[0].revents) (void)!read(t->wake_fd, &count, sizeof count);
	}
	alert_tell_end(&t->tell, t->daemon);
	return NULL;
}

static void drop(struct alert_thread *t)
{
	if (t->wake_fd >= 0) close(t->wake_fd);
	alert_file_close(&t->file);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

enum coffer_err alert_thread_start(struct daemon *d)
{
	struct alert_thread *t = calloc(1, sizeof *t);
	ENSURE(t, ERR_MEMORY);
	t->daemon = d;
	t->file.fd = -1;
	pthread_mutex_init(&t->lock, NULL);
	alert_tell_init(&t->tell);
	t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	alerts_on_event(d->engine.alerts, wake, t);
	if (t->wake_fd < 0 || pthread_create(&t->thread, NULL, alert_main, t) != 0) {
		alerts_on_event(d->engine.alerts, NULL, NULL);
		drop(t);
		return ERR_LIMIT;
	}
	d->alert_thread = t;
	return ERR_OK;
}

void alert_thread_stop(struct daemon *d)
{
	struct alert_thread *t = d->alert_thread;
	if (!t) return;
	t->ending = true;
	wake(t);
	pthread_join(t->thread, NULL);
}

void alert_thread_free(struct daemon *d)
{
	struct alert_thread *t = d->alert_thread;
	if (!t) return;
	alerts_on_event(d->engine.alerts, NULL, NULL);
	drop(t);
	d->alert_thread = NULL;
}

/* crash_open_race FOLDER SECONDS: one request is asked again and again under its request id, while the node opens and is sealed all the time, as at a start.
 * Whatever the moment, it has one effect: a request that began before the node was open is not carried out, since its record was not looked for. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>

#include "base/clock.h"
#include "crash/ask.h"
#include "crash/judge.h"

static atomic_bool stop;

static void *open_and_seal(void *arg)
{
	struct engine *e = arg;
	while (!stop) {
		e->state = e->state == ENGINE_OPEN ? ENGINE_SEALED : ENGINE_OPEN;
		sched_yield();
	}
	return NULL;
}

static void print_violation(void *arg, const char *violation)
{
	(void)arg;
	printf("VIOLATION %s\n", violation);
}

static void ignore(void *arg, const struct kmip_response_item *item)
{
	(void)arg;
	(void)item;
}

/* The step's frame once more: answered from the record, or sealed. */
static void repeat(struct node *n, const struct history *h, const struct step *step, unsigned long *done)
{
	struct buf frame = BUF_EMPTY;
	step_build(h->seed, step, &frame);
	enum coffer_err err = node_ask(n, &frame, ignore, NULL);
	if (err && err != ERR_SEALED) node_die("the repeated request ends with %s", err_name(err));
	done[err ? 1 : 0]++;
}

int main(int argc, char **argv)
{
	static struct node node;
	static struct history history;
	struct judge j = { .node = &node, .history = &history, .live = true, .say = print_violation };
	struct step step;
	unsigned long done[2] = { 0, 0 };
	pthread_t thread;
	if (argc != 3) {
		fprintf(stderr, "usage: crash_open_race FOLDER SECONDS\n");
		return 2;
	}
	uint64_t end_ms = clock_mono_ms() + strtoul(argv[2], NULL, 10) * 1000;
	node_open(&node, argv[1]);
	history_begin(&history, 1);
	history_next(&history, &step);
	step_ask(&node, &history);
	if (pthread_create(&thread, NULL, open_and_seal, &node.engine) != 0) node_die("no thread");
	while (clock_mono_ms() < end_ms) repeat(&node, &history, &step, done);
	stop = true;
	pthread_join(thread, NULL);
	node.engine.state = ENGINE_OPEN;
	history_next(&history, &j.next);
	judge_all(&j);
	node_close(&node);
	printf("asked again: %lu times answered, %lu times sealed, %u violations\n", done[0], done[1], j.violations);
	return j.violations || !done[0] || !done[1] ? 1 : 0;
}

/* What a look at the engine makes of it: the sentence of an alert is the true cause. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/alert_look.h"
#include "ops/alert_internal.h"
#include "ops/seat.h"

struct world {
	struct daemon daemon;
	struct config config;
	struct alert_gaps gaps;
};

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	*state = w;
	if (!w || config_defaults(&w->config) != ERR_OK || pthread_mutex_init(&w->daemon.engine.note_lock, NULL) != 0) return -1;
	struct engine *e = &w->daemon.engine;
	e->config = &w->config;
	e->seat = seat_new(&w->config);
	e->alerts = alerts_new();
	e->state = ENGINE_OPEN;
	return e->seat && e->alerts ? 0 : -1;
}

static int close_world(void **state)
{
	struct world *w = *state;
	alerts_free(w->daemon.engine.alerts);
	seat_free(w->daemon.engine.seat);
	config_free(&w->config);
	pthread_mutex_destroy(&w->daemon.engine.note_lock);
	free(w);
	return 0;
}

static void expect(struct world *w, enum alert_name name, enum alert_fact fact, const char *word)
{
	alert_look(&w->daemon, &w->gaps);
	const struct alert_condition *c = &w->daemon.engine.alerts->conditions[name];
	assert_int_equal(c->fact, fact);
	if (word && !strstr(c->sentence, word)) fail_msg("'%s' is not in: %s", word, c->sentence);
}

static void lose(struct world *w, const char *why)
{
	engine_set_store_health(&w->daemon.engine, STORE_FAILED, why);
	w->daemon.engine.store_away = true;
}

static void a_database_that_is_refused_is_not_told_as_one_that_does_not_answer(void **state)
{
	struct world *w = *state;
	expect(w, ALERT_DATABASE_LOST, ALERT_WELL, NULL);
	lose(w, "the database does not answer");
	expect(w, ALERT_DATABASE_LOST, ALERT_BAD, "the database does not answer");
	lose(w, "the store is older than this node knows; only what is in memory is served");
	expect(w, ALERT_DATABASE_LOST, ALERT_BAD, "the store is older than this node knows");
	lose(w, "the server at 'a' is a former primary server");
	expect(w, ALERT_DATABASE_LOST, ALERT_BAD, "former primary server");
	assert_null(strstr(w->daemon.engine.alerts->conditions[ALERT_DATABASE_LOST].sentence, "does not answer"));
	engine_set_store_health(&w->daemon.engine, STORE_WELL, "");
	w->daemon.engine.store_away = false;
	expect(w, ALERT_DATABASE_LOST, ALERT_WELL, NULL);
}

/* Its server answers by then. */
static void a_node_that_serves_from_its_cache_has_no_database(void **state)
{
	struct world *w = *state;
	w->daemon.engine.cache.offline = true;
	engine_note(&w->daemon.engine, "%s", "open from this node's cache: the database is back and does not open this node (it is older)");
	expect(w, ALERT_DATABASE_LOST, ALERT_BAD, "the database is back and does not open this node");
	w->daemon.engine.cache.offline = false;
	expect(w, ALERT_DATABASE_LOST, ALERT_WELL, NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(a_database_that_is_refused_is_not_told_as_one_that_does_not_answer),
		TEST(a_node_that_serves_from_its_cache_has_no_database),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

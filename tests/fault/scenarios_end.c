/* A node is zeroised, and its state folder wiped. Whatever fails: what is called destroyed is not in the token any more, and what is called kept is; a wipe that was begun leaves nothing; and given again
 * it comes to its end. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/shutdown.h"
#include "daemon/zeroise.h"
#include "fault/counter.h"
#include "fault/masters.h"
#include "fault/scenario.h"
#include "ops/zeroise_mark.h"

/* ---- the state folder ---- */

/* What a restart after Zeroise would begin: there is no daemon here. */
void shutdown_begin(struct daemon *d)
{
	(void)d;
}

static char wiped[64];

static void *open_wiped(void)
{
	snprintf(wiped, sizeof wiped, "/tmp/coffer-fault-wipe-XXXXXX");
	MUST(mkdtemp(wiped));
	return wiped;
}

static void put_file(const char *name)
{
	static const char text[600] = "something";
	char path[128];
	snprintf(path, sizeof path, "%s/%s", wiped, name);
	FILE *f = fopen(path, "w");
	MUST(f && fwrite(text, 1, sizeof text, f) == sizeof text && fclose(f) == 0);
}

static void prepare_wiped(void *place, unsigned k)
{
	char path[128];
	(void)place, (void)k;
	put_file("store.db");
	put_file("node.id");
	put_file("lock");
	snprintf(path, sizeof path, "%s/pending", wiped);
	MUST(mkdir(path, 0700) == 0);
	put_file("pending/node.id");
	MUST_OK(zeroise_mark_put(wiped, NULL));
}

static bool has(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", wiped, name);
	return access(path, F_OK) == 0;
}

/* Until nothing is left the mark stays: the next start goes on. */
static enum coffer_err run_wiped(void *place, unsigned k)
{
	struct reason why = { "" };
	(void)place, (void)k;
	fault_back();
	enum coffer_err err = zeroise_finish(wiped, &why);
	fault_aside();
	MUST(!err || why.text[0]);
	MUST(has(ZEROISE_MARK) || (!has("store.db") && !has("node.id") && !has("pending")));
	return err;
}

static void judge_wiped(void *place, unsigned k)
{
	(void)place, (void)k;
	MUST(!has("store.db") && !has("node.id") && !has("pending") && !has(ZEROISE_MARK) && has("lock"));
}

static void close_wiped(void *place)
{
	house_remove_folder(place);
}

/* ---- the operation in front of it ---- */

static unsigned restarts;
static bool counter_may_stay; /* the answer said so, or did not come through */

static void count_restart(struct engine *engine)
{
	(void)engine;
	restarts++;
}

static struct engine *engine_of(struct yard *y)
{
	return &y->house->daemon.engine;
}

static void *open_ended(void)
{
	struct yard *y = masters_open();
	engine_of(y)->restart = count_restart;
	restarts = 0;
	counter_may_stay = false;
	counter_chip.there = masters.signer = true;
	return y;
}

/* The token has said what it has: nothing is asked of one that is still being opened. */
static void await_token(struct house *h)
{
	struct token_health health = { .state = TOKEN_GONE };
	for (unsigned i = 0; i < 200 && (health.state == TOKEN_GONE || health.state == TOKEN_STARTING || health.state == TOKEN_NOT_ANSWERING); i++) {
		if (i) (void)usleep(20000);
		token_proxy_retry(h->daemon.engine.token);
		token_proxy_health(h->daemon.engine.token, &health);
	}
}

/* What is said of the token is so. */
static void check_token(struct yard *y, enum coffer_err err)
{
	if (!err) MUST(masters_standing() == 0);
	if (err && (house_said("the master secret was not destroyed") || house_said("was not asked to destroy"))) MUST(masters.all[1].stands);
	if (err) return;
	struct view said = house_field(y->house, TAG_COFFER_JSON);
	counter_may_stay = memmem(said.ptr, said.len, "could not be removed", strlen("could not be removed")) != NULL;
	if (!counter_may_stay) MUST(!counter_chip.there && memmem(said.ptr, said.len, "not in the token any more", strlen("not in the token any more")));
}

/* Refused, and the node serves as before; or the mark is there and the node at fault; or the answer says what stands in the way, and it is given again. */
static enum coffer_err run_ended(void *place, unsigned k)
{
	struct yard *y = place;
	struct engine *e = engine_of(y);
	struct ask a;
	char fingerprint[DOMAIN_FINGERPRINT_TEXT], mark[128];
	(void)k;
	if (restarts) return ERR_OK; /* an answer that did not come through */
	if (fault_place() == FAULT_AT_NOTHING && engine_state_get(e) == ENGINE_OPEN && masters.all[1].stands) founding_recover(y->house, false);
	else if (fault_place() == FAULT_AT_NOTHING) await_token(y->house);
	domain_fingerprint_text(&e->identity.domain, fingerprint);
	ask_one(&a, OPERATION_COFFER_ZEROISE);
	ttlv_put_str(&a.w, TAG_COFFER_FINGERPRINT, fingerprint);
	enum coffer_err err = founding_send(y, &a);
	snprintf(mark, sizeof mark, "%s/" ZEROISE_MARK, y->house->dir);
	bool marked = access(mark, F_OK) == 0;
	MUST(err || (marked && restarts == 1));
	MUST(!restarts || (marked && engine_state_get(e) == ENGINE_FAULT));
	MUST(engine_state_get(e) != ENGINE_OPEN || !marked);
	if (err == ERR_CLOSED) counter_may_stay = true;
	else check_token(y, err);
	return err;
}

static int is_left(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, "lock") != 0;
}

/* The token shows nothing of the node, and after the restart the folder does not either. */
static void judge_ended(void *place, unsigned k)
{
	struct yard *y = place;
	struct dirent **left = NULL;
	struct reason why = { "" };
	(void)k;
	MUST(restarts == 1 && engine_state_get(engine_of(y)) == ENGINE_FAULT);
	MUST(masters_standing() == 0);
	MUST(!counter_chip.there || counter_may_stay);
	if (zeroise_finish(y->house->dir, &why) != ERR_OK) house_die("not wiped: %s", why.text);
	int count = scandir(y->house->dir, &left, is_left, alphasort);
	if (count != 0) house_die("%d files are left: %s", count, count > 0 ? left[0]->d_name : "?");
	free(left);
}

const struct scenario end_scenarios[] = {
	{ .name = "the state folder is wiped", .places = AT(CALL) | AT(EINTR) | AT(SHORT), .rounds = 100, .each = 12, .stride = 7001, .open = open_wiped, .prepare = prepare_wiped,
	  .run = run_wiped, .judge = judge_wiped, .close = close_wiped },
	{ .name = "zeroise", .places = AT(HEAP) | AT(ARENA) | AT(SQLITE) | AT(DISK) | AT(CALL) | AT(TOKEN) | AT(WIRE), .rounds = 1, .each = 4, .stride = 11, .open = open_ended, .run = run_ended,
	  .judge = judge_ended, .close = founding_close_as_place },
	{ .name = NULL },
};

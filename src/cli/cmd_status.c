/* coffer status: what the daemon says of itself, for people and for scripts. */
#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/when.h"

#define STATUS_MAX (64u * 1024u)

static void line(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void line(const char *name, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	printf("%-14s ", name);
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
}

static void print_token(const json_t *token)
{
	if (!json_is_object(token)) return;
	const char *sentence = json_text(token, "sentence"), *warning = json_text(token, "warning");
	line("token", "%s, %s%s%s", json_text(token, "kind"), json_text(token, "health"), sentence[0] ? ": " : "", sentence);
	if (json_text(token, "model")[0])
		line("", "%s %s %s", json_text(token, "manufacturer"), json_text(token, "model"), json_text(token, "serial"));
	if (json_text(token, "master_secret")[0])
		line("master secret", "%s, wraps with %s", json_text(token, "master_secret"), json_text(token, "mechanism"));
	if (warning[0]) line("", "%s", warning);
	if (json_object_get(token, "probe_age_s"))
		line("health probe", "%lld s ago, took %.1f ms, helper restarted %lld times", json_whole(token, "probe_age_s"),
			(double)json_whole(token, "probe_us") / 1000.0, json_whole(token, "restarts"));
}

static void print_integrity(const json_t *integrity)
{
	char when[32];
	if (!integrity) return;
	const char *sentence = json_text(integrity, "sentence");
	if (strcmp(json_text(integrity, "health"), "well") != 0) {
		line("integrity", "FAULT: %s", sentence);
	} else if (json_whole(integrity, "passes")) {
		line("integrity", "%s in %lld rows, %.1f s long, %lld s ago", sentence, json_whole(integrity, "rows"), (double)json_whole(integrity, "took_ms") / 1000.0,
			(long long)time(NULL) - json_whole(integrity, "checked_at"));
	} else {
		line("integrity", "no fault at start, first pass under way");
	}
	if (!json_whole(integrity, "accepted")) return;
	when_text((uint64_t)json_whole(integrity, "accepted_at"), when);
	line("", "accepted by an operator at %s (version %lld, %lld times in all)", when, json_whole(integrity, "accepted_version"), json_whole(integrity, "accepted"));
}

/* How long the token is good for at the pace so far is known from the second day on. */
static void print_wear(const json_t *rollback)
{
	line("", "counter at %lld (%s), raised %lld times, good for %lld more", json_whole(rollback, "counter"), json_text(rollback, "place"), json_whole(rollback, "raises"),
		json_whole(rollback, "raises_left"));
	if (json_object_get(rollback, "years_left")) line("", "at this pace for %lld years", json_whole(rollback, "years_left"));
}

static void print_rollback(const json_t *rollback)
{
	char when[32];
	if (!rollback) return;
	const char *sentence = json_text(rollback, "sentence");
	if (strcmp(json_text(rollback, "health"), "fault") == 0) {
		line("rollback", "REFUSED: see above");
	} else if (!json_object_get(rollback, "counter")) {
		line("rollback", "%s", sentence);
	} else {
		line("rollback", "%s, anchored at version %lld, %lld commits since", json_text(rollback, "protection"), json_whole(rollback, "anchored_version"),
			json_whole(rollback, "unanchored"));
		if (sentence[0]) line("", "NOT ANCHORED: %s", sentence);
		print_wear(rollback);
		if (json_whole(rollback, "interval_s") >= 60) line("", "raised so often that the next raises are %lld s apart", json_whole(rollback, "interval_s"));
	}
	if (!json_whole(rollback, "overridden")) return;
	when_text((uint64_t)json_whole(rollback, "overridden_at"), when);
	line("", "taken against the counter by an administrator at %s (%lld instead of %lld, %lld times in all)", when, json_whole(rollback, "overridden_from"),
		json_whole(rollback, "overridden_to"), json_whole(rollback, "overridden"));
}

static void print_audit_token(const json_t *token)
{
	if (!token) return;
	const char *note = json_text(token, "note"), *key = json_text(token, "key");
	if (strcmp(json_text(token, "state"), "signed") == 0) line("audit log", "signed by the token up to record %lld, %s", json_whole(token, "records"), json_text(token, "time"));
	else line("audit log", "%s%s%s", json_text(token, "state"), note[0] ? ": " : "", note);
	if (key[0]) line("", "by its key %s", key);
}

static void print_aead(const json_t *aead)
{
	if (!aead) return;
	const char *note = json_text(aead, "note");
	line("AES-GCM", "%s%s%s", json_text(aead, "engine"), note[0] ? ", " : "", note);
}

static void print_memory(const json_t *doc, const json_t *memory)
{
	const json_t *objects = json_object_get(doc, "objects"), *heap = json_object_get(doc, "heap");
	line("memory", "protection: %s, %lld of %lld KiB used", json_text(memory, "protection"), json_whole(memory, "used") / 1024,
		json_whole(memory, "size") / 1024);
	if (json_whole(memory, "refused")) line("", "%lld times there was none left; raise secret_memory", json_whole(memory, "refused"));
	line("", "%lld of %lld objects open, %lld KiB ordinary memory", json_whole(objects, "open"), json_whole(objects, "open_limit"), json_whole(heap, "used") / 1024);
}

static void print_rings(const json_t *rings)
{
	if (rings) line("rings", "%lld, %lld of %lld KiB used", json_whole(rings, "count"), json_whole(rings, "bytes") / 1024, json_whole(rings, "limit") / 1024);
}

/* Which generation is in force, how far a change is, and when the last one was. */
static void print_data_key(const json_t *doc, const json_t *rotation)
{
	char when[32];
	if (!json_object_get(doc, "generation")) return;
	const char *phase = json_text(rotation, "phase"), *sentence = json_text(rotation, "sentence"), *owed = json_text(rotation, "owed");
	line("data key", "generation %lld%s", json_whole(doc, "generation"), json_whole(rotation, "generations") > 1 ? ", and older ones until no record needs them" : "");
	if (phase[0] && strcmp(phase, "none") != 0)
		line("", "%s: %lld of %lld records seen, %lld sealed again", phase, json_whole(rotation, "rows_seen"), json_whole(rotation, "rows_total"),
			json_whole(rotation, "rows_resealed"));
	if (sentence[0]) line("", "%s", sentence);
	if (owed[0]) line("", "%s", owed);
	if (json_whole(rotation, "data_key_begun")) {
		when_text((uint64_t)json_whole(rotation, "data_key_begun"), when);
		line("", "changed at %s", when);
	}
	const char *old = json_text(rotation, "old_master");
	if (old[0]) line("", "the master secret before this one: %s", old);
}

/* Keys that the daemon replaces by itself. */
static void print_schedule(const json_t *keys)
{
	char when[32];
	const char *sentence = json_text(keys, "sentence");
	if (!keys || (!json_whole(keys, "scheduled") && !json_whole(keys, "replaced"))) return;
	line("scheduled", "%lld keys, %lld replaced since the start", json_whole(keys, "scheduled"), json_whole(keys, "replaced"));
	if (json_whole(keys, "next")) {
		when_text((uint64_t)json_whole(keys, "next"), when);
		line("", "the next one at %s", when);
	}
	if (sentence[0]) line("", "%lld cannot be replaced: %s", json_whole(keys, "failed"), sentence);
}

/* A node that its token did not open comes back sealed. */
static void print_opening(const json_t *doc)
{
	const char *by = json_text(doc, "opened_by"), *health = json_text(json_object_get(doc, "token"), "health");
	if (!by[0] || strcmp(by, "token") == 0) return;
	line("opened by", "%s", by);
	if (strcmp(health, "well") == 0) line("", "the token answers by now: 'coffer token status' says whether the next start opens by it");
	else line("", "the token is %s: mend it, or replace it with 'coffer rotate master --token URI'; until then every start wants 'coffer unseal'", health);
}

/* What was destroyed or revoked after the archive was made is there again: for ever worth knowing. */
static void print_restored(const json_t *restored)
{
	char when[32], made[32];
	if (!restored) return;
	when_text((uint64_t)json_whole(restored, "at"), when);
	when_text((uint64_t)json_whole(restored, "created_at"), made);
	line("restored", "at %s by %s, from the archive of %s (version %lld)", when, json_text(restored, "by"), made, json_whole(restored, "version"));
}

static void print_recovery(const json_t *doc)
{
	char when[32];
	const char *text = json_text(doc, "recovery");
	if (!text[0]) return;
	line("recovery", "%s", text);
	if (strncmp(text, "none", 4) == 0) return;
	if (!json_whole(doc, "recovery_drilled_at")) {
		line("", "never drilled since it was made; 'coffer recovery test' does that and changes nothing");
		return;
	}
	when_text((uint64_t)json_whole(doc, "recovery_drilled_at"), when);
	line("", "last drill: %s", when);
}

/* A backup that nobody has opened is a hope. */
static void print_backup(const json_t *doc)
{
	const json_t *backup = json_object_get(doc, "backup"), *age = json_object_get(backup, "verified_age_s");
	const char *recovery = json_text(doc, "recovery");
	long long max_age = json_whole(backup, "max_age_s"), old = (long long)json_integer_value(age);
	if (!backup || strncmp(recovery, "none", 4) == 0) return;
	if (strcmp(json_text(backup, "by"), "database") == 0) {
		line("backup", "those of the database, which several nodes share: nothing of them is known here");
		return;
	}
	if (!age) line("backup", "NONE VERIFIED, %lld made: 'coffer backup create', then 'coffer backup verify'", json_whole(backup, "count"));
	else line("backup", "newest verified one %lld days %lld hours old%s", old / 86400, old % 86400 / 3600, max_age && old >= max_age ? ": TOO OLD, see backup_max_age" : "");
}

/* What stands, with its age, and whether anybody hears of it. */
static void print_alerts(const json_t *alerts)
{
	const char *name, *trouble = json_text(alerts, "trouble");
	char when[32];
	json_t *raised;
	json_object_foreach(json_object_get(alerts, "raised"), name, raised) {
		when_text((uint64_t)json_whole(raised, "since"), when);
		line("ALERT", "%s since %s: %s", name, when, json_text(raised, "sentence"));
	}
	if (trouble[0]) line("notify_command", "NOT TOLD, %lld events wait: %s", json_whole(alerts, "pending"), trouble);
}

static void print_database(const json_t *database)
{
	char when[32];
	if (!database) return;
	line("database", "%s, schema %s, PostgreSQL %s, last answer in %.1f ms", json_text(database, "server")[0] ? json_text(database, "server") : "not reached yet",
		json_text(database, "schema"), json_text(database, "version")[0] ? json_text(database, "version") : "?", (double)json_whole(database, "latency_us") / 1000.0);
	if (!json_whole(database, "lost_at")) return;
	when_text((uint64_t)json_whole(database, "lost_at"), when);
	line("", "NOT REACHED since %s", when);
}

static void print_cache(const json_t *cache)
{
	char when[32];
	if (!cache) return;
	when_text((uint64_t)json_whole(cache, "as_of"), when);
	line("cache", "%s: %lld records, %lld of %lld KiB", json_text(cache, "state"), json_whole(cache, "rows"), (json_whole(cache, "bytes") + 1023) / 1024, json_whole(cache, "limit") / 1024);
	if (json_whole(cache, "pins")) line("", "pinned: %lld records by %lld names", json_whole(cache, "pinned"), json_whole(cache, "pins"));
	if (json_whole(cache, "pins_unfound")) line("", "%lld of these names are nobody's, the log says which", json_whole(cache, "pins_unfound"));
	if (json_whole(cache, "pins_unkept")) line("", "%lld PINNED RECORDS ARE NOT IN IT; where that stays so, raise cache_size", json_whole(cache, "pins_unkept"));
	if (strcmp(json_text(cache, "serving"), "yes") == 0) line("", "SERVING FROM IT, with what was known at %s", when);
	else if (json_whole(cache, "as_of")) line("", "knows the other nodes' changes until %s", when);
}

/* Where several nodes write one store. */
static void print_lead(const json_t *lead)
{
	if (!lead) return;
	const char *role = json_text(lead, "role"), *master = json_text(lead, "master");
	if (strcmp(role, "master") == 0) line("role", "master server, epoch %lld; this node is %s", json_whole(lead, "epoch"), json_text(lead, "name"));
	else line("role", "%s; this node is %s", role, json_text(lead, "name"));
	if (strcmp(role, "master") != 0 && master[0]) line("", "master server is node %s, epoch %lld", master, json_whole(lead, "epoch"));
	if (strcmp(role, "master") != 0 && !master[0] && json_whole(lead, "epoch")) line("", "NO MASTER SERVER is seen (the last one had epoch %lld)", json_whole(lead, "epoch"));
	if (strcmp(role, "master") != 0 && !master[0] && !json_whole(lead, "epoch")) line("", "NO MASTER SERVER is seen (of the last one nothing is known yet)");
	if (json_object_get(lead, "lag_ms")) line("", "the other nodes' changes were read %.1f s ago", (double)json_whole(lead, "lag_ms") / 1000.0);
	if (strcmp(json_text(lead, "sealing"), "no") == 0) line("", "NOTHING NEW IS SEALED until there is one; what was sealed is opened");
	if (strcmp(json_text(lead, "cloned"), "yes") == 0) line("", "TWO MACHINES run with the identity of this node: remove one, then run 'coffer node accept NODE'");
}

/* While nodes of two versions of Coffer work together. */
static void print_level(const json_t *doc)
{
	const char *id;
	json_t *node;
	const json_t *lead = json_object_get(doc, "lead");
	long long level = json_whole(lead, "format_level"), known = json_whole(lead, "format_level_known");
	if (!level || level >= known) return;
	line("format", "level %lld; this program knows level %lld, which the domain writes once all of its nodes do", level, known);
	json_object_foreach(json_object_get(doc, "nodes"), id, node)
		if (json_whole(node, "format_level") < known) line("", "%s knows level %lld", json_text(node, "name"), json_whole(node, "format_level"));
}

/* What it knows of the others' changes, and keeps of them. */
static void print_view(const json_t *node)
{
	const json_t *cache = json_object_get(node, "cache");
	if (!json_object_get(node, "lag_ms")) return;
	if (!cache) line("", "lag %.1f s, no cache", (double)json_whole(node, "lag_ms") / 1000.0);
	else line("", "lag %.1f s, cache %s: %lld records, %lld of %lld KiB, %lld pinned", (double)json_whole(node, "lag_ms") / 1000.0, json_text(cache, "state"), json_whole(cache, "rows"),
		(json_whole(cache, "bytes") + 1023) / 1024, json_whole(cache, "limit") / 1024, json_whole(cache, "pinned"));
}

/* Every node of the domain, as it last said of itself. */
static void print_nodes(const json_t *doc)
{
	const char *id;
	json_t *node;
	json_object_foreach(json_object_get(doc, "nodes"), id, node) {
		bool seen = json_object_get(node, "seen_at"), silent = strcmp(json_text(node, "silent"), "yes") == 0;
		if (!seen) line("domain node", "%s (%s): NOT SEEN YET", json_text(node, "name"), json_text(node, "token"));
		else line("domain node", "%s: %s, %s %s, generation %lld, %s, seen %lld s ago%s", json_text(node, "name"), json_text(node, "role"), json_text(node, "token"),
			json_text(node, "token_health"), json_whole(node, "generation"), json_text(node, "version"), json_whole(node, "age_s"), silent ? ": SILENT" : "");
		if (strcmp(json_text(node, "cloned"), "yes") == 0) line("", "CLONED: two machines run with its identity; remove one, then run 'coffer node accept %s'", json_text(node, "name"));
		print_view(node);
	}
	long long count = json_whole(doc, "nodes_count"), shown = (long long)json_object_size(json_object_get(doc, "nodes"));
	if (count > shown) line("", "and %lld more: see 'coffer node list'", count - shown);
}

static void print_status(const json_t *doc)
{
	const json_t *memory = json_object_get(doc, "memory"), *domain = json_object_get(doc, "domain");
	if (!memory) { /* what the daemon tells somebody without a role */
		line("state", "%s", json_text(doc, "state"));
		line("version", "%s", json_text(doc, "version"));
		return;
	}
	line("state", "%s", json_text(doc, "state"));
	if (json_text(doc, "note")[0]) line("", "%s", json_text(doc, "note"));
	if (json_object_get(doc, "clock_behind_s"))
		line("clock", "%lld s behind the audit log: set it; until then dates of keys are judged by the audit log's time", json_whole(doc, "clock_behind_s"));
	print_alerts(json_object_get(doc, "alerts"));
	if (domain) {
		line("domain", "%s", json_text(domain, "fingerprint"));
		line("node", "%s", json_text(doc, "node"));
	}
	print_lead(json_object_get(doc, "lead"));
	print_nodes(doc);
	print_level(doc);
	print_token(json_object_get(doc, "token"));
	print_opening(doc);
	print_data_key(doc, json_object_get(doc, "rotation"));
	print_schedule(json_object_get(doc, "key_rotation"));
	print_recovery(doc);
	print_restored(json_object_get(doc, "restored"));
	print_backup(doc);
	print_memory(doc, memory);
	print_aead(json_object_get(doc, "aead"));
	if (json_text(doc, "store")[0])
		line("store", "%s, %lld audit records, %lld objects in memory", json_text(doc, "store"), json_whole(doc, "audit_records"),
			json_whole(doc, "objects_in_memory"));
	print_database(json_object_get(doc, "database"));
	print_cache(json_object_get(doc, "cache"));
	if (json_text(doc, "store_note")[0]) line("", "%s: %s", json_text(doc, "store_health"), json_text(doc, "store_note"));
	print_integrity(json_object_get(doc, "integrity"));
	print_rollback(json_object_get(doc, "rollback"));
	print_audit_token(json_object_get(doc, "audit_token"));
	line("connections", "%lld of %lld, %lld requests, %lld refused", json_whole(doc, "connections"), json_whole(doc, "connections_limit"), json_whole(doc, "requests"),
		json_whole(doc, "refused"));
	print_rings(json_object_get(doc, "rings"));
	line("version", "%s, running for %lld s", json_text(doc, "version"), json_whole(doc, "uptime_s"));
}

/* 0 when open, the token is well and the store whole and taking changes; else 4. */
static int judge(const json_t *doc)
{
	const json_t *token = json_object_get(doc, "token");
	bool well = !json_object_get(doc, "memory") || strcmp(json_text(token, "health"), "well") == 0;
	const char *store = json_text(doc, "store_health");
	if (store[0] && strcmp(store, "well") != 0) well = false;
	const json_t *integrity = json_object_get(doc, "integrity");
	if (integrity && strcmp(json_text(integrity, "health"), "well") != 0) well = false;
	return strcmp(json_text(doc, "state"), "open") == 0 && well ? EXIT_DONE : EXIT_SEALED;
}

static int once(struct cli *cli)
{
	static char text[STATUS_MAX];
	size_t len;
	json_error_t error;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = coffer_status_json(cli->conn, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	json_t *doc = json_loadb(text, len, 0, &error);
	if (!doc) return cli_fail(EXIT_REFUSED, "the daemon's status is no JSON: %s", error.text);
	int verdict = judge(doc);
	if (cli->json) {
		status = json_print(doc);
		return status ? status : verdict;
	}
	if (!cli->quiet) print_status(doc);
	json_decref(doc);
	return verdict;
}

int cmd_status(struct cli *cli, const struct cmd_args *args)
{
	if (!args_get(cli->cmd, args, "watch")) return once(cli);
	for (;;) {
		if (isatty(STDOUT_FILENO)) fputs("\033[H\033[2J", stdout);
		once(cli);
		fflush(stdout);
		coffer_close(cli->conn); /* the daemon may be another one by now */
		cli->conn = NULL;
		struct timespec pause = { 1, 0 };
		nanosleep(&pause, NULL);
	}
}

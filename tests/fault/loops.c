/* fault_loops [NAME [FAULT] | --planted]: every scenario (those whose name begins so) times every fault (those whose name has this): the n-th call fails, n = 1, 2, 3 … until the scenario ends without
 * meeting it. Prints the rounds of each. What must hold: scenario.h, house.h.
 * --planted: whether it finds mistakes that are made on purpose. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "crypto/ossl_mem.h"
#include "fault/planted.h"
#include "fault/scenario.h"
#include "unit/ops/fake_token.h"
#include "unit/store/fault_vfs.h"

#define N_MAX 20000u
#define EACH_UP_TO 40u /* before a scenario's stride begins, unless it says otherwise */

/* In sanitizer builds: what is lost by now. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static const struct fault faults[] = {
	{ "heap, once", FAULT_AT_HEAP, false, 0, 0, 0 },
	{ "heap, from then on", FAULT_AT_HEAP, true, 0, 0, 0 },
	{ "arena, once", FAULT_AT_ARENA, false, 0, 0, 0 },
	{ "arena, from then on", FAULT_AT_ARENA, true, 0, 0, 0 },
	{ "OpenSSL's memory, once", FAULT_AT_OPENSSL, false, 0, 0, 0 },
	{ "OpenSSL's memory, from then on", FAULT_AT_OPENSSL, true, 0, 0, 0 },
	{ "SQLite's memory, once", FAULT_AT_SQLITE, false, 0, 0, 0 },
	{ "SQLite's memory, from then on", FAULT_AT_SQLITE, true, 0, 0, 0 },
	{ "read EIO, once", FAULT_AT_DISK, false, FAULT_READ, SQLITE_IOERR_READ, 0 },
	{ "read EIO, from then on", FAULT_AT_DISK, true, FAULT_READ, SQLITE_IOERR_READ, 0 },
	{ "write EIO, once", FAULT_AT_DISK, false, FAULT_WRITE, SQLITE_IOERR_WRITE, 0 },
	{ "write EIO, from then on", FAULT_AT_DISK, true, FAULT_WRITE, SQLITE_IOERR_WRITE, 0 },
	{ "half a write, EIO", FAULT_AT_DISK, false, FAULT_TORN_WRITE, SQLITE_IOERR_WRITE, 0 },
	{ "disk full, once", FAULT_AT_DISK, false, FAULT_WRITE, SQLITE_FULL, 0 },
	{ "disk full, from then on", FAULT_AT_DISK, true, FAULT_WRITE, SQLITE_FULL, 0 },
	{ "fsync EIO, lost, once", FAULT_AT_DISK, false, FAULT_SYNC_LOST, SQLITE_IOERR_FSYNC, 0 },
	{ "fsync EIO, lost, from then on", FAULT_AT_DISK, true, FAULT_SYNC_LOST, SQLITE_IOERR_FSYNC, 0 },
	{ "fsync EIO, done, once", FAULT_AT_DISK, false, FAULT_SYNC_LATE, SQLITE_IOERR_FSYNC, 0 },
	{ "fsync EIO, done, from then on", FAULT_AT_DISK, true, FAULT_SYNC_LATE, SQLITE_IOERR_FSYNC, 0 },
	{ "truncate EIO, once", FAULT_AT_DISK, false, FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE, 0 },
	{ "call EIO, once", FAULT_AT_CALL, false, 0, 0, EIO },
	{ "call EIO, from then on", FAULT_AT_CALL, true, 0, 0, EIO },
	{ "call ENOSPC, once", FAULT_AT_CALL, false, 0, 0, ENOSPC },
	{ "call ENFILE, from then on", FAULT_AT_CALL, true, 0, 0, ENFILE },
	{ "EINTR, once", FAULT_AT_EINTR, false, 0, 0, 0 },
	{ "EINTR, half of the calls", FAULT_AT_EINTR, true, 0, 0, 0 },
	{ "one byte at a time, once", FAULT_AT_SHORT, false, 0, 0, 0 },
	{ "one byte at a time, from then on", FAULT_AT_SHORT, true, 0, 0, 0 },
#define TOKEN_SAYS(err) { "the token says " #err, FAULT_AT_TOKEN, false, 0, 0, ERR_##err }
	TOKEN_SAYS(TOKEN), TOKEN_SAYS(TOKEN_GONE), TOKEN_SAYS(TOKEN_OTHER), TOKEN_SAYS(TOKEN_LOCKED), TOKEN_SAYS(TOKEN_REFUSED),
	TOKEN_SAYS(TOKEN_KEY_MISSING), TOKEN_SAYS(AUTH), TOKEN_SAYS(TIMEOUT), TOKEN_SAYS(CORRUPT), TOKEN_SAYS(MEMORY), TOKEN_SAYS(CRYPTO),
	TOKEN_SAYS(BUSY), TOKEN_SAYS(USAGE), TOKEN_SAYS(UNSUPPORTED), TOKEN_SAYS(STATE), TOKEN_SAYS(BUG),
	{ "the helper: request lost, once", FAULT_AT_WIRE, false, 0, 0, FAKE_WIRE_LOST },
	{ "the helper: request lost, then on", FAULT_AT_WIRE, true, 0, 0, FAKE_WIRE_LOST },
	{ "the helper: reply cut, once", FAULT_AT_WIRE, false, 0, 0, FAKE_WIRE_CUT },
	{ "the helper: reply garbled, once", FAULT_AT_WIRE, false, 0, 0, FAKE_WIRE_GARBLED },
	{ "the helper: slow, from then on", FAULT_AT_WIRE, true, 0, 0, FAKE_WIRE_SLOW },
	{ "no random bytes, once", FAULT_AT_RANDOM, false, 0, 0, 0 },
	{ "no random bytes, from then on", FAULT_AT_RANDOM, true, 0, 0, 0 },
};
#define FAULTS (sizeof faults / sizeof faults[0])

static struct { unsigned rounds, failed, loops; unsigned by_class[16]; } total;

static bool is_memory(enum fault_place place)
{
	return place == FAULT_AT_HEAP || place == FAULT_AT_ARENA || place == FAULT_AT_OPENSSL || place == FAULT_AT_SQLITE;
}

/* Whether this error is the right word for the fault. ERR_CLOSED: no answer at all; ERR_UNKNOWN_OUTCOME: a commit was hit. */
static bool fits(const struct fault *f, enum coffer_err err)
{
	if (f->place == FAULT_AT_TOKEN) return err_class(err) == err_class((enum coffer_err)f->code) || err_class(err) == ERR_CLASS_token;
	if (f->place == FAULT_AT_WIRE) return err_class(err) == ERR_CLASS_token;
	if (err_class(err) == ERR_CLASS_token) return true; /* a helper that was ended for it */
	if (err == ERR_CLOSED || err == ERR_UNKNOWN_OUTCOME) return f->place != FAULT_AT_RANDOM;
	if (is_memory(f->place)) return err == ERR_MEMORY || (f->place == FAULT_AT_SQLITE && err == ERR_IO);
	if (f->place == FAULT_AT_RANDOM) return err == ERR_CRYPTO;
	if (f->place == FAULT_AT_DISK && f->disk_rc == SQLITE_FULL) return err == ERR_FULL;
	if (f->place == FAULT_AT_CALL && f->code == ENOSPC) return err == ERR_FULL || err == ERR_IO;
	return err_class(err) == ERR_CLASS_io;
}

static size_t arena_used(void)
{
	struct arena_stats stats;
	fault_forget_thread();
	arena_stats(&stats);
	return stats.used;
}

/* One round; false when the fault was not met. */
static bool run_round(const struct scenario *s, const struct fault *f, void *place, unsigned n)
{
	house_says(s->name, f->name, n);
	if (s->prepare) s->prepare(place, n);
	fault_arm(f, n);
	enum coffer_err err = s->run(place, n);
	bool happened = fault_disarm();
	if (!happened && err) house_die("failed without a fault: %s", err_name(err));
	if (err && (f->place == FAULT_AT_EINTR || f->place == FAULT_AT_SHORT || (f->place == FAULT_AT_WIRE && f->code == FAKE_WIRE_SLOW))) house_die("%s, and that is no failure", err_name(err));
	if (err && !fits(f, err)) house_die("the wrong word: %s", err_name(err));
	if (err) {
		total.failed++;
		enum coffer_err again = s->run(place, n);
		if (again) house_die("%s, and asked again without the fault: %s", err_name(err), err_name(again));
	}
	if (s->judge) s->judge(place, n);
	return happened;
}

static void check_leaks(void)
{
	if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check()) house_die("memory is lost");
}

/* Bytes of secret memory that one loop took and did not give back. */
static size_t one_loop(const struct scenario *s, const struct fault *f, unsigned *out_met)
{
	size_t before = arena_used();
	unsigned stride = s->stride && f->place != FAULT_AT_WIRE && !getenv("COFFER_FAULT_ALL") ? s->stride : 1, each = s->each ? s->each : EACH_UP_TO, n = 1, met = 0, since = 0;
	void *place = NULL;
	for (bool happened = true; happened; met += happened, n += n < each ? 1 : stride) {
		if (n > N_MAX) house_die("no end");
		if (!place) {
			place = s->open();
			since = 0;
		}
		happened = run_round(s, f, place, n);
		if (++since < s->rounds && happened) continue;
		house_says(s->name, f->name, n);
		if (s->end) s->end(place);
		s->close(place);
		place = NULL;
	}
	*out_met = met;
	return arena_used() - before;
}

/* OpenSSL makes some things once in a process: only what is lost again is lost. */
static void run_loop(const struct scenario *s, const struct fault *f)
{
	unsigned met;
	size_t lost = one_loop(s, f, &met);
	if (lost) lost = one_loop(s, f, &met);
	if (lost) house_die("%zu bytes of secret memory are lost", lost);
	total.rounds += met;
	total.loops++;
	printf("  %-34s %5u\n", f->name, met);
	fflush(stdout);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_scenario(const struct scenario *s, const char *fault)
{
	double begin = seconds();
	unsigned before = total.rounds;
	printf("%s\n", s->name);
	house_says(s->name, "none", 0);
	void *place = s->open(); /* what is made once in a process is made now */
	if (s->prepare) s->prepare(place, 1);
	MUST_OK(s->run(place, 1));
	if (s->judge) s->judge(place, 1);
	s->close(place);
	for (size_t i = 0; i < FAULTS; i++)
		if (s->places & 1u << faults[i].place && strstr(faults[i].name, fault)) run_loop(s, &faults[i]);
	check_leaks();
	printf("  %u rounds, %.1f s\n", total.rounds - before, seconds() - begin);
}

static void set_up(void)
{
	struct reason reason = { "" };
	fault_aside();
	signal(SIGPIPE, SIG_IGN);
	fault_install();
	fault_vfs_pause(true);
	if (arena_init(8u << 20, false, &reason) == ERR_OK && ossl_mem_install() == ERR_OK) return;
	fprintf(stderr, "fault: no secret memory: %s\n", reason.text);
	exit(3);
}

static void run_named(const char *name, const char *fault)
{
	static const struct scenario *const tables[] = { house_scenarios, crypt_scenarios, other_scenarios, init_scenarios, backup_scenarios, token_scenarios,
		recovery_scenarios, quorum_scenarios, audit_scenarios, rotation_scenarios, master_scenarios, open_scenarios, end_scenarios };
	set_up();
	for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
		for (const struct scenario *s = tables[t]; s->name; s++)
			if (strncmp(s->name, name, strlen(name)) == 0) run_scenario(s, fault);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--planted") == 0) return planted_are_found(run_named) ? 0 : 1;
	run_named(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "");
	printf("%u loops to the end, %u faults met, %u of them failed the request; none of them did more\n", total.loops, total.rounds, total.failed);
	return total.loops ? 0 : 2;
}

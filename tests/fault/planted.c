/* Mistakes on purpose, put in place of the product's own functions by the linker: the loops must find each of them. */
#include "fault/planted.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "keyring/identity.h"
#include "keyring/record.h"
#include "objects/txn.h"
#include "ops/dispatch_internal.h"
#include "ops/rotation_internal.h"
#include "ops/rotation_master.h"
#include "ops/store_check.h"
#include "ops/zeroise_counter.h"

static const char *planted = "";

static bool is(const char *name)
{
	return strcmp(planted, name) == 0;
}

/* What an item that failed had written stays. */
void __real_txn_undo(struct txn *txn);
void __wrap_txn_undo(struct txn *txn);
void __wrap_txn_undo(struct txn *txn)
{
	if (is("undo")) txn_keep(txn);
	else __real_txn_undo(txn);
}

/* A commit that failed is taken for done. */
enum coffer_err __real_txn_commit(struct txn *txn, struct reason *reason);
enum coffer_err __wrap_txn_commit(struct txn *txn, struct reason *reason);
enum coffer_err __wrap_txn_commit(struct txn *txn, struct reason *reason)
{
	enum coffer_err err = __real_txn_commit(txn, reason);
	return is("commit") && err == ERR_FULL ? ERR_OK : err;
}

/* A secret is not given back. */
void __real_secret_free(struct secret *s);
void __wrap_secret_free(struct secret *s);
void __wrap_secret_free(struct secret *s)
{
	static unsigned count;
	if (!is("leak") || ++count % 4) __real_secret_free(s);
}

/* Every failure is called a damaged store. */
enum coffer_err __real_crypto_err_take(void);
enum coffer_err __wrap_crypto_err_take(void);
enum coffer_err __wrap_crypto_err_take(void)
{
	enum coffer_err err = __real_crypto_err_take();
	return is("word") ? ERR_CORRUPT : err;
}

/* ---- of a change of the data key or of the master secret ---- */

/* What is to be done with the commit is done before it: all of it, or what an old data key leaves with. */
enum coffer_err __real_txn_on_commit(struct txn *txn, void (*fn)(void *arg), void (*undo)(void *arg), void *arg);
enum coffer_err __wrap_txn_on_commit(struct txn *txn, void (*fn)(void *arg), void (*undo)(void *arg), void *arg);
enum coffer_err __wrap_txn_on_commit(struct txn *txn, void (*fn)(void *arg), void (*undo)(void *arg), void *arg)
{
	bool early = is("early") || (is("leave") && undo && undo != free);
	if (!early) return __real_txn_on_commit(txn, fn, undo, arg);
	fn(arg);
	return ERR_OK;
}

/* A generation whose commit is in doubt stays in the ring. */
enum coffer_err __real_rotation_settle(struct engine *engine);
enum coffer_err __wrap_rotation_settle(struct engine *engine);
enum coffer_err __wrap_rotation_settle(struct engine *engine)
{
	return is("doubt") ? ERR_OK : __real_rotation_settle(engine);
}

/* A row that could not be sealed again for want of something is taken for a damaged one. */
enum coffer_err __real_record_reseal(struct store *store, struct ring *ring, enum store_table table, const struct store_row *row, struct view index);
enum coffer_err __wrap_record_reseal(struct store *store, struct ring *ring, enum store_table table, const struct store_row *row, struct view index);
enum coffer_err __wrap_record_reseal(struct store *store, struct ring *ring, enum store_table table, const struct store_row *row, struct view index)
{
	enum coffer_err err = __real_record_reseal(store, ring, table, row, index);
	return err && is("held") ? ERR_CORRUPT : err;
}

/* How far a re-seal came is not kept. */
enum coffer_err __real_rotation_put_record(struct engine *engine, struct txn *txn, const struct rotation_record *record);
enum coffer_err __wrap_rotation_put_record(struct engine *engine, struct txn *txn, const struct rotation_record *record);
enum coffer_err __wrap_rotation_put_record(struct engine *engine, struct txn *txn, const struct rotation_record *record)
{
	return is("place") && record->generation ? ERR_OK : __real_rotation_put_record(engine, txn, record);
}

/* What the pass found is no matter. */
bool __real_store_check_proof(struct store_check *check, uint64_t pass, struct store_check_proof *out);
bool __wrap_store_check_proof(struct store_check *check, uint64_t pass, struct store_check_proof *out);
bool __wrap_store_check_proof(struct store_check *check, uint64_t pass, struct store_check_proof *out)
{
	bool ended = __real_store_check_proof(check, pass, out);
	if (ended && is("proof")) out->lowest = UINT32_MAX;
	return ended;
}

/* Nothing is written down of a master secret that is to be destroyed. */
enum coffer_err __real_master_record_put(struct txn *txn, const struct master_record *record);
enum coffer_err __wrap_master_record_put(struct txn *txn, const struct master_record *record);
enum coffer_err __wrap_master_record_put(struct txn *txn, const struct master_record *record)
{
	return is("forget") && record->phase == 2 ? ERR_OK : __real_master_record_put(txn, record);
}

/* An identity that could not be written before the commit is no matter. */
enum coffer_err __real_identity_prepare(const char *dir, const struct identity *id, struct reason *reason);
enum coffer_err __wrap_identity_prepare(const char *dir, const struct identity *id, struct reason *reason);
enum coffer_err __wrap_identity_prepare(const char *dir, const struct identity *id, struct reason *reason)
{
	enum coffer_err err = __real_identity_prepare(dir, id, reason);
	return is("identity") ? ERR_OK : err;
}

/* A change that failed is not in the audit log. */
bool __real_dispatch_audit_wants(const struct run *run, const struct op_row *row, enum coffer_err err);
bool __wrap_dispatch_audit_wants(const struct run *run, const struct op_row *row, enum coffer_err err);
bool __wrap_dispatch_audit_wants(const struct run *run, const struct op_row *row, enum coffer_err err)
{
	return __real_dispatch_audit_wants(run, row, err) && !(is("silent") && row->audit == OP_AUDIT_FAILED);
}

/* The token is not asked, and what it has is called destroyed. */
enum coffer_err __real_token_proxy_zeroise(struct token_proxy *p, bool *out_asked, struct reason *reason);
enum coffer_err __wrap_token_proxy_zeroise(struct token_proxy *p, bool *out_asked, struct reason *reason);
enum coffer_err __wrap_token_proxy_zeroise(struct token_proxy *p, bool *out_asked, struct reason *reason)
{
	if (!is("erase")) return __real_token_proxy_zeroise(p, out_asked, reason);
	*out_asked = true;
	return ERR_OK;
}

enum coffer_err __real_zeroise_drop_counter(struct engine *engine, const char **out_what, struct reason *reason);
enum coffer_err __wrap_zeroise_drop_counter(struct engine *engine, const char **out_what, struct reason *reason);
enum coffer_err __wrap_zeroise_drop_counter(struct engine *engine, const char **out_what, struct reason *reason)
{
	if (!is("counter")) return __real_zeroise_drop_counter(engine, out_what, reason);
	*out_what = "not in the token any more";
	return ERR_OK;
}

static const struct mistake {
	const char *name, *scenario, *fault;
} mistakes[] = {
	{ "undo", "Create", "" },
	{ "commit", "Create", "" },
	{ "leak", "Create", "" },
	{ "word", "Create", "" },
	{ "leave", "data key retired", "fsync EIO, lost, once" },
	{ "early", "data key changed", "fsync EIO, lost, once" },
	{ "doubt", "data key changed", "fsync EIO, lost, once" },
	{ "held", "data key re-sealed", "arena, once" },
	{ "place", "data key re-sealed", "heap, once" },
	{ "proof", "data key not proven", "heap, once" },
	{ "silent", "data key changed", "the token says TOKEN_GONE" },
	{ "silent", "master secret, same token", "the token says TOKEN_GONE" },
	{ "forget", "master secret, same token", "the token says TOKEN_GONE" },
	{ "forget", "master secret, other token", "the token says TOKEN_GONE" },
	{ "forget", "master secret, other token", "the helper: request lost, once" },
	{ "identity", "master secret, other token", "call E" },
	{ "erase", "zeroise", "" },
	{ "counter", "zeroise", "" },
};

static bool finds(const struct mistake *m, void (*run)(const char *scenario, const char *fault))
{
	int status = 0;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		planted = m->name;
		if (m->fault[0]) setenv("COFFER_FAULT_ALL", "1", 1);
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(3);
		run(m->scenario, m->fault);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) return false;
	bool found = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
	printf("planted mistake \"%s\" in %s: %s\n", m->name, m->scenario, found ? "found" : "NOT FOUND");
	return found;
}

bool planted_are_found(void (*run)(const char *scenario, const char *fault))
{
	bool all = true;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) all = finds(&mistakes[i], run) && all;
	return all;
}

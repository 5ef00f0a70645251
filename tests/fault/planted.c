/* Mistakes on purpose, put in place of the product's own functions by the linker: the loops must find each of them. */
#include "fault/planted.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "objects/txn.h"

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

static bool finds(const char *name, void (*run)(void))
{
	int status = 0;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		planted = name;
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(3);
		run();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) return false;
	bool found = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
	printf("planted mistake \"%s\": %s\n", name, found ? "found" : "NOT FOUND");
	return found;
}

bool planted_are_found(void (*run)(void))
{
	static const char *const names[] = { "undo", "commit", "leak", "word" };
	bool all = true;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) all = finds(names[i], run) && all;
	return all;
}

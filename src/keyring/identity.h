/* The identity file of a node: what is pinned outside the store (docs/formats.md section 9.2). */
#ifndef COFFER_KEYRING_IDENTITY_H
#define COFFER_KEYRING_IDENTITY_H

#include "keyring/domain.h"
#include "token/token.h"

struct identity {
	struct domain_id domain;
	char token_kind[16];
	char token_uri[TOKEN_URI_MAX + 1];
	struct token_binding binding;
	bool rooted; /* written by a program that keeps a version root (docs/formats.md section 14.2) */
};

/* Writes `dir`/node.id (mode 0600; temporary file, fsync, rename, fsync of the folder). */
enum coffer_err identity_write(const char *dir, const struct identity *identity, struct reason *reason) MUST_USE;
/* ERR_NOT_FOUND: not there (an uninitialised node). ERR_CORRUPT, ERR_VERSION, ERR_USAGE (owner or mode). */
enum coffer_err identity_read(const char *dir, struct identity *out, struct reason *reason) MUST_USE;

/* Init in steps that a crash may interrupt: prepare writes `dir`/pending/node.id, durably; after the store's commit publish moves it to its place; withdraw
 * takes it back when the commit did not happen. publish is idempotent. */
enum coffer_err identity_prepare(const char *dir, const struct identity *identity, struct reason *reason) MUST_USE;
enum coffer_err identity_publish(const char *dir, struct reason *reason) MUST_USE;
void identity_withdraw(const char *dir);
/* Before another prepare on a node that runs with `current`: a pending file that is `current` (a publish that failed) is published; another one (a commit whose outcome
 * is not known) must not be written over, because the store may name it alone: ERR_STATE, only a restart finds out. No pending file, or one not whole: ERR_OK. */
enum coffer_err identity_settled(const char *dir, const struct identity *current, struct reason *reason) MUST_USE;

#endif

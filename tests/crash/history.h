/* What was asked and what was acknowledged, in a file that outlives the process: one line for each step, written only after its answer. The next
 * step follows from the seed and from what was acknowledged alone, so that a process that starts again asks the same thing with the same request
 * id. */
#ifndef COFFER_TESTS_CRASH_HISTORY_H
#define COFFER_TESTS_CRASH_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum step_kind { STEP_CREATE = 'c', STEP_REGISTER = 'r', STEP_REKEY = 'k', STEP_REVOKE = 'v', STEP_DESTROY = 'd', STEP_GRANT = 'g',
	STEP_UNGRANT = 'u' };

#define HISTORY_MAX 4096u
#define STEP_MATERIAL_LEN 32u

struct step {
	enum step_kind kind;
	unsigned number;
	char target[UUID_TEXT_LEN + 1]; /* what it is about; "" for new ones and grants */
	unsigned grant;                 /* of grants: the step that gave it, for STEP_GRANT itself */
};

/* An object as the acknowledged steps left it. */
struct known {
	char id[UUID_TEXT_LEN + 1];
	unsigned made_by;     /* step number */
	bool registered;      /* material is step_material(seed, made_by) */
	bool named;           /* a Re-key takes the name away */
	enum { KNOWN_ACTIVE = 2, KNOWN_DEACTIVATED = 3, KNOWN_DESTROYED = 5 } state;
};

struct history {
	uint64_t seed;
	unsigned done;        /* acknowledged steps */
	unsigned granted[HISTORY_MAX]; /* steps that gave a role; those before ungranted were taken back, oldest first */
	unsigned grants, ungranted;
	struct known objects[HISTORY_MAX];
	size_t count;
	int fd;               /* open for appending; -1: no file */
	void (*on_ack)(void *arg, const struct step *step, const char *id); /* told each acknowledgement, or NULL */
	void *on_ack_arg;
};

/* Reads FOLDER/acks (absent: empty). Dies when it is not one. A torn last line is no acknowledgement. */
void history_open(struct history *h, const char *folder, uint64_t seed);
/* An empty one that no file keeps. */
void history_begin(struct history *h, uint64_t seed);
/* The step after the last acknowledged one. */
void history_next(const struct history *h, struct step *out);
/* Notes an acknowledged step; id: the new object, or the target. */
void history_ack(struct history *h, const struct step *step, const char *id);
struct known *history_find(struct history *h, const char *id);

void step_material(uint64_t seed, unsigned number, uint8_t out[static STEP_MATERIAL_LEN]);
void step_request_id(uint64_t seed, unsigned number, uint8_t out[static 16]);
void step_name(unsigned number, char out[static 32]);
/* Who is given a role by a step. */
void step_principal(unsigned number, char out[static 32]);

#endif

/* The role of a node: when it looks at the lease, takes it, renews it and gives it back, and what it believes meanwhile (docs/formats.md section 23.2).
 *
 * A state machine without a clock, a connection, memory or a thread of its own. One thread drives it (cofferd: the store thread; docs/domain.md shows the loop):
 *
 *     role_next(&role, now, &action) ─► role_begun ─► the action, with domain/fence.h ─► role_ended ─► role_next …
 *
 * Times are milliseconds of one monotonic clock. What it believes is for answers and for asking only: that two nodes never act as master server at once is the
 * fence's work (fence_check with role_mine), whatever the clocks say.
 *
 *      MEMBER: looks                                          STANDBY ──lease ran out, free, or promoted: TAKE, KEEP──► MASTER
 *                                                                ▲                                                        │ RENEW every third
 *                                                                └──belief ran out, another took it, FREE after step-down─┘
 *      twin seen, store behind, removed: looks and takes nothing until an administrator has decided */
#ifndef COFFER_DOMAIN_ROLE_H
#define COFFER_DOMAIN_ROLE_H

#include "domain/lease_row.h"

#define ROLE_LEASE_TIME_MIN 1000u /* milliseconds */
#define ROLE_LEASE_TIME_MAX 3600000u

enum role_kind { ROLE_MEMBER, ROLE_STANDBY, ROLE_MASTER };

struct role_config {
	uint8_t node_id[UUID_LEN];
	bool may_take;             /* standby; false: member */
	uint32_t lease_time_ms;    /* from the loss of a master server until there is another one */
	uint32_t encrypt_grace_ms; /* how long nodes encrypt on without one */
	uint64_t epoch;            /* the highest that this node ever saw: from its mark and the roots. 0: none */
	uint64_t seed;             /* of the jitter; differs between nodes */
};

enum role_do {
	ROLE_WAIT,      /* ask again at at_ms, or after an event */
	ROLE_LOOK,      /* lease_look */
	ROLE_TAKE,      /* lease_write of next, with a new random life; where expect */
	ROLE_RENEW,     /* the same */
	ROLE_FREE,      /* the same */
	ROLE_KEEP,      /* next.epoch into the node's mark, durably: only then it is master server */
	ROLE_SETTLE,    /* store_reopen, then lease_look */
	ROLE_NOTE_TWIN, /* fence_note_twin */
};

struct role_action {
	enum role_do what;
	uint64_t at_ms;      /* of WAIT; UINT64_MAX: only after an event */
	struct lease expect; /* version 0: none is there */
	struct lease next;   /* life and taken_ms (TAKE) are filled in by the driver before role_begun */
};

/* How an action ended. role_outcome says it of an error. */
enum role_outcome {
	ROLE_DONE,    /* carried out; a write: its commit is confirmed */
	ROLE_REFUSED, /* the lease is not what was expected: `found` is what is there */
	ROLE_FAILED,  /* nothing of it is there; it may be tried again */
	ROLE_UNKNOWN, /* a commit was not confirmed */
	ROLE_REMOVED, /* this node is no member */
	ROLE_TWINNED, /* it is noted that there are two of this node */
};
enum role_outcome role_outcome(enum coffer_err err);

/* What is worth an event; bits of role_said. */
#define ROLE_SAY_MASTER 1u          /* this node is master server now */
#define ROLE_SAY_LOST 2u            /* it was, and is not */
#define ROLE_SAY_GONE 4u            /* no master server was seen for longer than its lease lasts */
#define ROLE_SAY_BACK 8u            /* one is seen again */
#define ROLE_SAY_TWIN 16u           /* there are two of this node */
#define ROLE_SAY_BEHIND 32u         /* the store is older than what this node saw, or another history */
#define ROLE_SAY_REMOVED 64u
#define ROLE_SAY_STEPPED_DOWN 128u  /* as it was told */
#define ROLE_SAY_NOT_PROMOTED 256u  /* as it was told, and it could not within lease_time */

struct domain_role {
	struct role_config config;
	enum role_do doing;         /* under way; WAIT: nothing */
	struct lease attempt;       /* what is being written, or may have been */
	uint64_t begun_ms;
	bool here;                  /* the store can be asked */
	bool settling;              /* a commit was not confirmed */
	bool twin, noted, behind, removed;
	bool lease_behind;          /* the lease that was read last is an older store's, or of another history */
	bool known;                 /* the lease was read */
	bool wrote;                 /* this process wrote the lease */
	bool master, kept;          /* believes to be; the epoch is in the mark */
	bool stepping;              /* gives it back as soon as it can */
	bool stepped;               /* rests because it was told to, until somebody else took it */
	bool gone;                  /* nobody is seen to be master server */
	struct lease seen;          /* as last read or written */
	struct lease doubt;         /* was of unknown outcome, and something else stood there then */
	struct lease mine;          /* last write of this process that is known to be there; version 0: none */
	uint64_t since_ms;          /* `seen` stands unchanged since, as far as was looked */
	uint64_t looked_ms, jitter_ms;
	uint64_t believe_until_ms, alive_until_ms, took_ms;
	uint64_t renew_ms, retry_ms, rest_until_ms, promote_until_ms;
	uint64_t least, highest;    /* a lease below `least` is an older store's; nothing up to `highest` is used again */
	bool least_known;
	uint8_t least_holder[UUID_LEN];
	unsigned losses;            /* leads that were lost soon after they were taken */
	uint64_t dice;
	unsigned said;
};

/* Any thread; then one. lease_time_ms is cut to its limits. The store counts as there. */
void role_init(struct domain_role *r, const struct role_config *config, uint64_t now_ms);
/* What to do now. One action at a time: while one is under way, WAIT. */
void role_next(struct domain_role *r, uint64_t now_ms, struct role_action *out);
/* Before it is carried out, life filled in. */
void role_begun(struct domain_role *r, uint64_t now_ms, const struct role_action *action);
/* found: the lease as read (LOOK, SETTLE, REFUSED) or as written (TAKE, RENEW, FREE); otherwise not looked at. */
void role_ended(struct domain_role *r, uint64_t now_ms, enum role_outcome outcome, const struct lease *found);

/* The store was lost, or is there again (looked at by 23.1's rules for a connection). */
void role_store(struct domain_role *r, uint64_t now_ms, bool here);
/* A lease that came along another way (a fence that refused, a notification that was followed). */
void role_saw(struct domain_role *r, uint64_t now_ms, const struct lease *found);
/* There are two of this node; noted: the note is in the store already. */
void role_twinned(struct domain_role *r, uint64_t now_ms, bool noted);
/* The store is older than what this node saw: the roots say so. */
void role_store_behind(struct domain_role *r, uint64_t now_ms);
/* It was opened again, and lacks nothing that this node saw: the newer one is back. What its lease says is looked at anew. */
void role_store_well(struct domain_role *r, uint64_t now_ms);
/* `coffer promote`: takes the lease without waiting. False: this node may not (member, removed, twin, store behind). */
bool role_promote(struct domain_role *r, uint64_t now_ms);
/* `coffer step-down`: stops at once, gives the lease back, and leaves it to others until one took it, it is promoted, or 20 lease times have passed. */
void role_step_down(struct domain_role *r, uint64_t now_ms);
/* An administrator decided: this is the node of the two, or this store is the one to go on with. */
void role_accept_twin(struct domain_role *r, uint64_t now_ms);
void role_accept_store(struct domain_role *r, uint64_t now_ms);

enum role_kind role_kind(const struct domain_role *r, uint64_t now_ms);
/* The last write of this process that is known to be there: what the fence compares with. Borrowed. */
const struct lease *role_mine(const struct domain_role *r);
/* Who is master server, as far as this node knows; false: nobody. For answers. */
bool role_master_node(const struct domain_role *r, uint64_t now_ms, uint8_t out[static UUID_LEN]);
/* Whether this node may seal anew: a master server is there, or was within encrypt_grace. */
bool role_may_encrypt(const struct domain_role *r, uint64_t now_ms);
/* What is worth an event since the last call. */
unsigned role_said(struct domain_role *r);

#endif

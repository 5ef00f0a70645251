/* This node's seat among several that write one store (docs/formats.md section 23, docs/domain.md): its record in the domain, what it believes of the master server, and what
 * a transaction has to begin with. engine->seat; NULL: the store is this node's alone, and everything here is allowed and does nothing.
 *
 * The store thread drives the role (daemon/role_drive.h) and writes what others ask into atomics, with the time until which it holds: who is stopped leaves no yes behind. */
#ifndef COFFER_OPS_SEAT_H
#define COFFER_OPS_SEAT_H

#include "domain/admission.h"
#include "domain/fence.h"
#include "domain/role.h"
#include "domain/sign_row.h"
#include "ops/engine.h"

struct signs; /* ops/signs.h */

struct seat {
	char name[ADMISSION_NAME_MAX + 1]; /* of this node: from the start */
	/* store lane */
	bool taken;                /* the store is open and has this node's record: transactions that write are fenced, and the role is driven */
	struct domain_role role;   /* valid while taken */
	struct lease renewed;      /* by seat_renew, in the transaction under way */
	bool denied;               /* a fence said that this node is no member: seat_was_removed is asked now */
	bool look_again;           /* a fence said that the lease is another */
	unsigned to_record;        /* what the role said (ROLE_SAY_…) and the audit log does not have yet */
	uint64_t record_at_ms;     /* when to try that again */
	uint64_t master_epoch, lost_epoch; /* as of which it was last said that this node is master server, or not any more: what waits to be recorded is recorded with them */
	bool took_over;            /* the last taking was from another node */
	struct node_sign own_sign; /* as it was written last; count 0: not yet */
	uint64_t signed_at_ms;     /* clock_mono_ms: when that was tried last; 0: not yet */
	/* any lane */
	_Atomic uint64_t epoch;          /* of the lease as it was seen last */
	_Atomic uint32_t level;          /* the format level of the domain (domain/level.h) as it was read last; 0: not yet */
	_Atomic uint64_t master_until_ms; /* clock_mono_ms: this node believes to be master server until then; 0: it is not */
	_Atomic uint64_t seal_until_ms;  /* clock_mono_ms: new data may be sealed until then */
	_Atomic uint64_t heard_ms;       /* clock_mono_ms: when this node last read what the others changed; 0: not yet */
	_Atomic bool gone;               /* no master server is seen */
	_Atomic bool twin;               /* there are two of this node */
	_Atomic bool accepting;          /* an administrator says that the other one is gone: the note leaves with the next transaction */
	struct signs *signs;             /* of all nodes, as they were read last; its own lock */
	pthread_mutex_t lock;            /* guards the rest */
	bool known;                      /* a master server is seen */
	uint8_t master[UUID_LEN];        /* its node id */
};

/* NULL: memory is short. The name is node_name, or the machine's. */
struct seat *seat_new(const struct config *config);
/* Accepts NULL. */
void seat_free(struct seat *seat);

/* In the transaction under way, which makes the domain or moves it to a shared store: this node's record (a member that founded it) and the domain's card (table 65).
 * What is there already stays. ERR_FIELD: a name that no reader takes. */
enum coffer_err seat_found(struct engine *engine, struct txn *txn, const char *token_kind, const char *principal, struct reason *reason) MUST_USE;
/* Before a node serves, in a transaction of its own: where no node of the domain has a record (one node wrote it alone until now), this one founds it; otherwise it has to be a
 * member, and this program has to know the format level of the domain. From then on the seat is taken. arg: unused. ERR_DENIED: no record, or removed; ERR_EXISTS: two of it; ERR_VERSION;
 * errors of the store. */
enum coffer_err seat_take(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;
/* The ring leaves: nothing is fenced any more. Store lane. */
void seat_leave(struct engine *engine);

/* Store lane, inside a transaction, first: it may write. The store thread does it for every transaction that it begins. ERR_DENIED, ERR_EXISTS, ERR_BUSY; errors of the store. */
enum coffer_err seat_check_member(struct engine *engine, struct reason *reason) MUST_USE;
/* The same for what only the master server may write; before anything is read that decides on it. ERR_STATE: this node is not; the sentence names who is. Errors as fence_check. */
enum coffer_err seat_check_master(struct engine *engine, struct reason *reason) MUST_USE;

/* Store lane. Whether the store says that this node was removed, in a way that it can tell: its own record, sealed as removed; or, where that is under a newer data key than it has, no wrapped data key of it
 * either. False where the store does not answer. From a store that others write a yes may be false: it costs this node its service, and gives nobody anything (docs/formats.md section 23.3). */
bool seat_was_removed(struct engine *engine);

/* In a transaction that began with seat_check_master and has just made another data key the newest of the ring: the lease is written anew under it, because one under an older
 * key is refused (docs/formats.md section 23.2). What became of it the role learns from the transaction's end. Errors as lease_write. */
enum coffer_err seat_renew(struct engine *engine, struct txn *txn, struct reason *reason) MUST_USE;

/* Any lane; for answers and for asking. Whether this node believes to be master server; true without a seat. */
bool seat_is_master(struct engine *engine);
/* ERR_STATE with the sentence that names the master server, when this node is not. */
enum coffer_err seat_ask_master(struct engine *engine, struct reason *reason) MUST_USE;
/* Whether new data may be sealed now: a master server is there, or was within encrypt_grace. ERR_BUSY with a sentence when not; opening needs none. */
enum coffer_err seat_ask_sealing(struct engine *engine, struct reason *reason) MUST_USE;

#endif

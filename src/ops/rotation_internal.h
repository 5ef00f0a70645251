/* What rotation.c (life), rotation_reseal.c (rows) and rotation_retire.c (the end) share. */
#ifndef COFFER_OPS_ROTATION_INTERNAL_H
#define COFFER_OPS_ROTATION_INTERNAL_H

#include "domain/admission.h"
#include "ops/rotation.h"

#define ROTATION_LAST_TABLE STORE_NODE /* of those that hold sealed rows */
#define ROTATION_PAGE 64u /* ids read ahead */

struct rotation_id {
	uint8_t id[STORE_ID_MAX];
	size_t len;
};

/* How far the re-seal has come. */
struct rotation_place {
	enum store_table table;
	struct store_place at;
	struct rotation_id ids[ROTATION_PAGE]; /* rows to be written again */
	size_t count, next;
	uint64_t looked, written, held; /* rows: gone past, written again, that could not be */
};

/* The domain record "rotation". */
struct rotation_record {
	uint64_t begun_ms, ended_ms, rows, master_ms;
	uint32_t generation; /* how far the re-seal under this one came: rows before table and id are done; 0: not known */
	uint8_t table;
	uint64_t looked, written;
	struct store_place at;
};

/* The domain record "rotation-owed" (ops/rotation_owed.h). */
struct rotation_owed {
	uint32_t generation; /* the newest that the removed node may have; 0: nothing is owed */
	uint64_t since_ms;
	char node[ADMISSION_NAME_MAX + 1];
	char why[REASON_MAX]; /* it is not begun yet; not in the record */
};

struct rotation {
	_Atomic int phase;          /* enum rotation_phase */
	_Atomic bool awaits;        /* the phase is HELD because a node has not got the newest generation */
	_Atomic bool owed_unread;   /* the record of what is owed may be another than `owed` */
	/* store thread */
	struct rotation_place place, next; /* committed, of the transaction under way */
	uint32_t doubt;             /* a generation of the ring whose commit is not known to be durable; 0: none */
	uint64_t pass;              /* of the scrub that proves it */
	uint64_t proven_below;      /* rows that the last one found under an old generation */
	/* any thread, under lock */
	pthread_mutex_t lock;
	struct rotation_record record;
	struct rotation_owed owed;
	uint32_t newest, generations; /* of the ring */
	uint64_t total, looked, written, held;
	char sentence[REASON_MAX];  /* why it is held; "" */
	char old_master[REASON_MAX]; /* what became of the master secret before the one in force; "" where that is done with */
};

/* ---- rotation_nodes.c: several nodes; nothing where one writes the store. Inside a transaction that only the master server makes. ---- */
#define ROTATION_SLOT_ID (UUID_LEN + 4u)
#define ROTATION_WAITS 128u /* bytes of who is waited for */
/* Of a slot, and of the row that hands a generation over. */
void rotation_slot_id(const uint8_t node_id[static UUID_LEN], uint32_t generation, uint8_t out[static ROTATION_SLOT_ID]);
/* The newest of the ring from now on, so that everything of the transaction under way is sealed under it; in doubt until the commit is known (rotation_settle). Copies the key. */
enum coffer_err rotation_add_to_ring(struct engine *engine, struct txn *txn, uint32_t generation, const struct secret *key) MUST_USE;
/* A row of table 67 and an audit record for each member; who is admitted and has not joined is refused. ERR_STATE: a member that nothing can be handed to. */
enum coffer_err rotation_hand_over(struct engine *engine, struct txn *txn, const struct secret *seed, const struct rotation_fresh *fresh, struct reason *reason) MUST_USE;
/* Which members have no slot of the newest generation, in words; "": none. Rows that are missing for them are written again. */
enum coffer_err rotation_look_after(struct engine *engine, struct txn *txn, char out_waits_for[static ROTATION_WAITS], struct reason *reason) MUST_USE;
/* Before the older generations leave: the other nodes' slots of them, and the roots of removed nodes under the newest. */
enum coffer_err rotation_leave_others(struct engine *engine, struct txn *txn) MUST_USE;

enum coffer_err rotation_load_audit_keys(struct store *store, struct ring *ring) MUST_USE;
void rotation_set_phase(struct engine *engine, enum rotation_phase phase);
/* Tells status what the ring and the place say. */
void rotation_tell(struct engine *engine);
/* A member lacks the newest generation. */
void rotation_await(struct engine *engine, const char *who);
/* Why the old generation stays; logged when it is new. */
void rotation_hold(struct engine *engine, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for what ends by itself: a node that comes yet. */
void rotation_wait(struct engine *engine, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Inside a transaction: writes the record and keeps it with the commit. */
enum coffer_err rotation_put_record(struct engine *engine, struct txn *txn, const struct rotation_record *record) MUST_USE;
/* What status says of the master secret before the one in force; "" nothing. Any thread. */
void rotation_tell_old(struct engine *engine, const char *sentence);
void rotation_old(struct engine *engine, char out[static REASON_MAX]);
/* Under the lock: what status says of a change that is owed; "": none is. */
void rotation_owed_sentence(const struct rotation *rotation, char out[static REASON_MAX]);
/* At the beginning of every table. */
void rotation_restart(struct engine *engine);
/* Inside a transaction: the record as it is kept. */
struct rotation_record rotation_record_now(struct engine *engine);

#endif

/* What every operation handler sees of cofferd: the parts of the domain and who may touch them from where.
 *
 * Threads (lanes):
 *   worker  any worker thread: reads objects and grants, encrypts and decrypts. Never blocks on disk or token.
 *   store   the store thread: everything inside a transaction. Owns store, ring, audit chain.
 *   admin   a thread that may wait: token calls, init, status. Reaches the store lane through engine->on_store. */
#ifndef COFFER_OPS_ENGINE_H
#define COFFER_OPS_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "access/policy.h"
#include "audit/chain.h"
#include "base/buf.h"
#include "config/config.h"
#include "keyring/identity.h"
#include "keyring/ring.h"
#include "keyring/rooted_store.h"
#include "objects/table.h"
#include "objects/txn.h"
#include "ops/request_record.h"
#include "token/proxy.h"

enum engine_state {
	ENGINE_STARTING,
	ENGINE_UNINITIALISED, /* answers only status and init, to root and the daemon's own user */
	ENGINE_SEALED,        /* initialised; the token has not opened the data key */
	ENGINE_OPEN,
	ENGINE_DRAINING,      /* SIGTERM: requests under way end, new ones are refused */
	ENGINE_FAULT          /* self test or integrity failure: every operation but status is refused */
};

/* Whether the store takes changes. What is in memory is served in each of these. */
enum store_health {
	STORE_WELL,
	STORE_FULL,      /* no room: only what gives room or ends a use is carried out, on the reserve (daemon/store_care.h) */
	STORE_READ_ONLY, /* the file system takes no writes */
	STORE_FAILED     /* writes were lost, or the store cannot be opened again */
};

struct alerts; /* ops/alert.h */
struct anchor; /* ops/anchor.h */
struct audit_signer; /* ops/audit_signer.h */
struct attend; /* ops/attend.h */
struct backup; /* ops/backup.c */
/* A copy of the audit log that the daemon keeps elsewhere (daemon/audit_export.h), for status. */
struct engine_export {
	const char *name;      /* "file", "syslog", "journal"; NULL: not configured. From the start */
	_Atomic uint64_t seq;  /* newest record that is there; 0: none yet, or not known yet */
	_Atomic uint64_t sealed_to; /* newest record that is there with a checkpoint behind it */
	_Atomic uint64_t lost; /* records that it does not get, since the daemon started: a signed gap stands for them, or a header that begins behind them */
	_Atomic int trouble;   /* enum coffer_err; ERR_OK: well */
};
#define ENGINE_EXPORTS 3u

/* This node's cache of a store that several nodes write, for status. Any lane. */
struct engine_cache {
	_Atomic bool on;        /* there is one */
	_Atomic bool well;      /* it is what was written last */
	_Atomic bool whole;     /* it has what a start needs */
	_Atomic bool offline;   /* the node was opened from it: the store is asked for nothing until it has opened from there */
	_Atomic uint64_t rows, bytes, limit;
	_Atomic uint64_t to_compare; /* objects of it that were not compared with the store since this node opened from there */
	_Atomic uint64_t held;  /* audit records of the time without the database that are not in the log yet */
	_Atomic uint64_t pins, pinned;    /* words of cache_pin, and objects that they stand for */
	_Atomic uint64_t pins_unfound, pins_unkept; /* words that stand for none, and objects that are not in it */
	_Atomic uint64_t as_of_s; /* until then the changes of the other nodes are in it; 0: not known */
};

struct bulk; /* ops/bulk.h */
struct quorum; /* access/quorum.h */
struct init_pending; /* ops/init_flow.c */
struct join; /* ops/join.h */
struct restore; /* ops/restore.c */
struct recovery_change; /* ops/recovery_change.h */
struct store_check; /* ops/store_check.h */
struct key_rotation; /* ops/key_rotation.h */
struct rotation; /* ops/rotation.h */
struct seat; /* ops/seat.h */
struct audit_held; /* audit/held.h */
struct token_spawner; /* token/proxy.h */
struct move_order; /* ops/move_order.h */

struct engine;
typedef enum coffer_err engine_store_fn(struct engine *engine, struct txn *txn, void *arg, struct reason *reason);

#define ENGINE_COUNTS 16u

/* What happens at each request is counted apart by thread: two that write into the same line of the cache wait for each other. */
struct engine_counts {
	_Atomic uint64_t requests, bulk_bytes;
	uint8_t apart[112];
};

struct engine {
	const struct config *_Atomic config; /* replaced on SIGHUP by the daemon, old ones stay valid; any lane */
	_Atomic int state;                 /* enum engine_state */
	struct domain_id domain;           /* valid unless uninitialised; written before the state changes */
	struct object_table *objects;      /* any lane */
	struct bulk *bulk;                 /* what was counted of bulk operations; NULL: it is not counted. Any lane */

	struct quorum *quorum;             /* acts that wait for a second administrator; NULL: one is enough. Any lane */

	pthread_rwlock_t grants_lock;      /* guards the pointer below */
	struct grants *grants;             /* take a reference with engine_grants */
	_Atomic uint64_t grants_version;   /* counts what engine_set_grants put there (ops/local.h keeps a reference for as long as it stands) */

	/* store lane only */
	struct store *store;
	struct txn *txn;
	struct audit_chain *audit;
	struct audit_held *held;           /* records of the time without the database; NULL: one node writes the store. From the start */
	struct request_records request_records; /* zeroes from the start */
	struct grants *staged_grants;      /* a reference: the grants after the transaction under way; NULL while it changes none */

	/* admin lane */
	pthread_mutex_t admin_lock;        /* one init at a time; guards the eight below */
	struct token_proxy *token;         /* NULL before init chose a token; set once (token_set), read without the lock by token_of; thread-safe object itself */
	struct identity identity;
	struct init_pending *pending;
	struct backup *backup;             /* under way; NULL: none */
	struct restore *restore;
	struct join *join;                 /* of a node without a domain; NULL: none was begun in this process */
	struct recovery_change *recovery_change; /* ops/recovery_change.h; NULL: none under way */
	const struct token_spawner *spawner;

	/* provided by the daemon */
	enum coffer_err (*on_store)(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason); /* runs fn in a
		transaction on the store thread, commits, returns its result; admin lane only. Where several nodes write the store and another one's transaction came between, fn runs
		again, a bounded number of times: what it leaves in arg is of the last time alone */
	/* Moves *ring in as the domain's on the store thread, outside a transaction, and sets domain; NULL takes the ring of a failed init away again and
	 * frees engine->audit. Admin lane, admin_lock held. */
	enum coffer_err (*set_ring)(struct engine *engine, struct ring **ring);
	/* After set_ring: opens the audit chain (unless it is open), loads the grants, and the state becomes OPEN. Admin lane, admin_lock held. */
	enum coffer_err (*open)(struct engine *engine, struct reason *reason);
	/* Opens a sealed node by its token, which is well. One that is open by then: ERR_OK, or what the token says when it is to open the data keys again. Admin lane; takes admin_lock. */
	enum coffer_err (*open_by_token)(struct engine *engine, struct reason *reason);
	/* After an open that failed for want of memory or disk: the state is SEALED, and the daemon opens again by itself. Any lane. May be NULL. */
	void (*open_later)(struct engine *engine);
	/* on_health of every token proxy, with on_health_arg = daemon. */
	void (*token_changed)(void *daemon, enum token_state from, enum token_state to);
	/* Store lane, before what other nodes changed is acted on (rows NULL: everything may be different). May be NULL. */
	void (*heard)(struct engine *engine, const struct rooted_row_id *rows, size_t count, bool everything);
	/* Store lane, after a destroy is durable: warm keys of destroyed objects leave every thread. May be NULL. */
	void (*after_destroy)(struct engine *engine);
	/* Store lane, after objects left memory for want of room: every thread lets go of them. May be NULL. */
	void (*after_squeeze)(struct engine *engine);
	/* The process ends in order and is started anew. Any lane. May be NULL. */
	void (*restart)(struct engine *engine);
	/* Whether the store may be moved as the order says (to_database, move_id), as far as that is seen before the move; fills in the database's address. Admin lane. May be NULL. */
	enum coffer_err (*look_at_move)(struct engine *engine, struct move_order *order, struct reason *reason);
	/* How far apart raises of the counter are kept now, in ms. Any lane. May be NULL. */
	uint64_t (*anchor_spacing_ms)(struct engine *engine);
	/* Asks for a pass over the store now. Any lane. May be NULL. */
	void (*want_check)(struct engine *engine);
	void *daemon;                      /* the daemon's own */

	struct alerts *alerts;             /* what operators are told; NULL: nothing is. Any lane */
	struct attend *attend;             /* who wants to unseal a sealed node; NULL in tests that do not. Any lane */
	struct store_check *check;         /* what is known of the store's integrity; NULL: it is not checked. Its calls say who may */
	_Atomic bool twin_fault;           /* the state is FAULT because the note of a clone stands: an administrator may say that the other machine is gone */
	_Atomic bool removed;              /* the state is FAULT because the node is no member of its domain any more: nothing mends that */
	_Atomic bool slot_fault;           /* the state is FAULT because this node's wrapped data key is damaged or gone: shares may open it */
	struct rotation *rotation;         /* changes of the data key; NULL: there are none. Its calls say who may */
	struct key_rotation *key_rotation; /* keys that are replaced by a schedule; NULL: none are. Its calls say who may */
	_Atomic bool integrity_fault;      /* the state is FAULT because of the store's integrity: it may be checked and accepted */

	struct engine_cache cache;

	struct seat *seat;                 /* this node's among several that write the store; NULL: it is this node's alone. From the start; its parts say who may */

	struct anchor *anchor;             /* the counter in the token; NULL: none is asked. Its calls say who may */
	_Atomic bool anchor_fault;         /* the state is FAULT because the counter says that the store is another one: it may be taken as it is */
	struct engine_export exports[ENGINE_EXPORTS]; /* any lane */
	struct audit_signer *audit_signer; /* the token's signature in the audit log; NULL: none. Its calls say who may */

	_Atomic bool moving;               /* the state is SEALED because the store is being moved */
	char moved[512];                   /* what the record of the next opening says of a move; "": nothing. Admin lane, admin_lock held */

	/* for status, any lane */
	_Atomic int move_phase;            /* enum move_phase (ops/move_order.h) */
	_Atomic bool move_to_database;
	_Atomic uint64_t move_rows;        /* copied or compared by this process */
	uint64_t started_wall_s;
	_Atomic uint64_t connections, refused;
	struct engine_counts counts[ENGINE_COUNTS]; /* their sums count */
	_Atomic uint64_t rings, ring_bytes; /* memory shared with clients */
	uint64_t connection_bytes;         /* ordinary memory that one takes while it is idle; 0: not known */
	pthread_mutex_t note_lock;         /* guards note */
	char note[REASON_MAX];             /* why sealed or at fault; one sentence; "" when well */
	_Atomic int store_health;          /* enum store_health */
	_Atomic bool store_away;           /* another process's store, which is lost: it is not asked for anything but by who opens it again */
	struct store *database;            /* store/remote.h, where the store is one; NULL: it is a file. From the start; facts in any lane */
	_Atomic bool store_hangs;          /* a commit has taken longer than audit_deadline: the store is not asked for anything */
	char store_note[REASON_MAX];       /* why it is not well; "" when well; guarded by note_lock */
	char recovery[128];                /* "shares: any 3 of 5 (set …)", "none …"; guarded by note_lock */
	uint64_t recovery_drilled_s;       /* when it was proven last; 0: never; guarded by note_lock */
};

enum engine_state engine_state_get(struct engine *engine);
/* One more request; so many bytes more that were encrypted or decrypted. which: any number, best one for each thread (op_local_place). */
void engine_count_request(struct engine *engine, unsigned which);
void engine_count_bytes(struct engine *engine, unsigned which, uint64_t bytes);
uint64_t engine_requests(const struct engine *engine);
uint64_t engine_bulk_bytes(const struct engine *engine);
const char *engine_state_name(enum engine_state state);
struct grants *engine_grants(struct engine *engine);                   /* a reference; caller unrefs */
void engine_set_grants(struct engine *engine, struct grants *grants);  /* moves the reference in */
enum store_health engine_store_health(struct engine *engine);
const char *store_health_name(enum store_health health);               /* "well", "full", "read-only", "failed" */
void engine_set_store_health(struct engine *engine, enum store_health health, const char *note);
/* The sentence of the health into a reason, with err as the result. */
enum coffer_err engine_store_refuses(struct engine *engine, enum coffer_err err, struct reason *reason);
/* While the node was opened from its cache: why the store is asked for nothing. */
extern const char engine_not_cached_note[];
/* Store lane. Whether a transaction is over the node's cache, because the database does not answer; txn may be NULL. */
bool engine_is_cached(const struct engine *engine, const struct txn *txn);
enum coffer_err engine_offline_refuses(struct engine *engine, struct reason *reason);
/* Why nothing is asked of a store that hangs. */
extern const char engine_store_hangs_note[];
/* What is said where engine->removed. */
extern const char engine_removed_note[];
void engine_note(struct engine *engine, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

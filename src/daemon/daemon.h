/* cofferd's threads and how they hang together. One per process.
 *
 *   main thread     signals, monitor's control channel or the service manager's watchdog, accept
 *   workers         connections, decode, bulk encryption
 *   store thread    every transaction; many requests share a commit
 *   admin threads   what may wait: token, init, status, unsealing
 *   anchor thread   raises the counter in the token
 *   alert thread    looks what is the matter, and has operators told
 *
 * Traces and debuggers see them as cofferd, worker-N, store, admin-N, anchor, alert, audit-NAME (its exports), and token (the proxy's).
 */
#ifndef COFFER_DAEMON_DAEMON_H
#define COFFER_DAEMON_DAEMON_H

#include <event2/event.h>
#include <pthread.h>

#include "config/config.h"
#include "daemon/job.h"
#include "daemon/store_cache_pins.h"
#include "daemon/store_cache_wants.h"
#include "daemon/unsettled.h"
#include "daemon/worker.h"
#include "daemon/peers.h"
#include "ops/engine.h"

#define DAEMON_WORKERS_MAX 256u
#define DAEMON_ADMINS 3u
#define DAEMON_RETIRED_MAX 64u /* configurations kept after SIGHUP; older ones are simply not freed */

/* daemon/store_care.c; of the store thread but for `queued`. */
struct store_care {
	int reserve_fd;           /* -1: none could be made */
	bool reserve_held;        /* the file has its room */
	bool away;                /* the store could not be opened again, or is not what was written */
	bool distrusted;          /* the latter; said once */
	bool unread;              /* it was opened again and not compared or read since, for want of a data key that waits for this node */
	bool unchanged;           /* the last opening found what was durable before: objects in memory are still those of the store */
	bool remote;              /* the store is a database behind coffer-stored; from the start */
	char why[REASON_MAX];     /* it cannot be opened again, as it was told last; "" when it can */
	unsigned lost;            /* commits of unknown outcome in a row */
	struct unsettled unsettled;   /* what was in them */
	uint64_t tried_ms;
	uint32_t pause_ms;            /* from then on, until a request may have it tried again */
	uint64_t logged_ms;           /* when a failed transaction was last told to the log */
	_Atomic bool queued;      /* job is on its way */
	struct job job;
};

/* daemon/store_news.c; of the store thread but for `timer` and `queued`. */
struct store_news {
	bool due;                 /* there may be changes of other nodes that were not read */
	bool failed;              /* the last reading of them; said once */
	uint64_t heard_ms, tried_ms; /* clock_mono_ms: when they were read, and when that was tried */
	uint64_t deaf_ms;         /* clock_mono_ms: they cannot be read since then, whereas the database answers; 0: they can */
	bool take_failed;         /* of whoever is `taking`: said once */
	_Atomic bool taking;      /* an admin thread takes a later generation of the data key */
	_Atomic uint64_t take_after_ms; /* clock_mono_ms: not before */
	uint8_t enrol_last[UUID_LEN]; /* node id of the one that was looked at last */
	uint64_t level_after_ms;  /* clock_mono_ms: the members' format levels are not looked at before (daemon/level_watch.h) */
	uint64_t enrol_after_ms;  /* clock_mono_ms: requests to join are not looked at before (daemon/enrol_look.h) */
	_Atomic bool queued;      /* job is on its way */
	struct job job;
	struct event *timer;      /* main thread; NULL: one node writes the store */
};

/* daemon/store_cache.c; of the store thread. */
struct store_cache {
	struct cache *cache;      /* NULL: there is none. From the start */
	struct txn *txn;          /* over its rows; NULL: they cannot be read */
	struct ring *ring;        /* data keys of a node that was opened from it; NULL once it has opened from the database */
	struct store_cache_wants wants; /* objects to be read */
	struct store_cache_pins pins; /* objects that stay */
	uint64_t heard_wall_ms;   /* until then the changes of other nodes are known; 0: none were read yet */
	uint64_t again_ms;        /* clock_mono_ms: nothing is kept before */
	uint64_t lacks_since_ms;  /* clock_mono_ms: it does not have all that a start needs since then; 0: it has */
	uint64_t scrub_ms;        /* clock_mono_ms: what left it is not scrubbed before */
	bool failed, full, lacks, unscrubbed; /* said once */
	bool left;                /* this node is not in the domain any more */
	_Atomic bool refused;     /* it does not open the node */
};

struct daemon {
	struct config *config;
	struct config *retired[DAEMON_RETIRED_MAX];
	size_t retired_count;
	const char *config_path;
	bool config_given;            /* named on the command line */
	struct engine engine;
	struct event_base *base;      /* main thread */
	int state_lock_fd;
	int listen_fd;
	struct event *accept_event, *accept_pause;
	uint64_t accept_failed_ms;    /* when the log was told last that connections cannot be accepted */
	uint64_t connection_room;     /* as many as descriptors allow */
	struct peers *peers;
	pthread_mutex_t budget_lock;  /* taken to change the next one and what the peers hold of it (conn_budget.c) */
	_Atomic size_t bulk_used;     /* bytes of secret memory set aside for large requests and answers */
	size_t bulk_limit;
	bool no_rings;                /* this machine's memory is not fit for them (daemon/segment_ring.h) */
	struct crypt_pool *crypt;
	size_t lend_block;            /* bytes of each of the two blocks that a worker lends (conn_lend.c); from the start */
	size_t loan_block;            /* to which each of them may grow for a while; no less */
	struct worker *workers;
	unsigned worker_count, next_worker;
	_Atomic unsigned pollers;     /* workers that poll (worker_poll.c) */
	struct job_queue store_jobs;
	pthread_t store_thread;
	struct op_local *store_local;
	struct store_care care;
	struct store_news news;
	struct store_cache cache;
	uint64_t held_again_ms;       /* daemon/store_held.c, store thread, clock_mono_ms: nothing is moved before */
	struct event *care_timer;
	struct job_queue admin_jobs;
	pthread_t admin_threads[DAEMON_ADMINS];
	unsigned admin_started;
	_Atomic unsigned admin_names; /* numbers given out: threads of a role are told apart by name */
	bool store_started;
	_Atomic uint64_t commit_since_ms; /* a commit or a call of the store thread is under way since then; 0: none is */
	struct control_link *link;    /* to the monitor; or, where a service manager is the monitor, */
	struct service *service;      /* to that one */
	struct scrubber *scrubber;    /* daemon/scrubber.h */
	struct rotator *rotator;      /* daemon/rotator.h */
	struct mover *mover;          /* daemon/mover.h; NULL in tests that do not */
	struct bulk_flush *bulk_flush; /* daemon/bulk_flush.h */
	struct backup_look *backup_look; /* daemon/backup_look.h */
	struct alert_thread *alert_thread; /* daemon/alert_thread.h */
	struct anchor_thread *anchor_thread; /* daemon/anchor_thread.h */
	struct audit_signer_thread *audit_signer_thread; /* daemon/audit_signer_thread.h */
	struct audit_exports *audit_exports; /* daemon/audit_export.h; NULL: none is configured */
	_Atomic uint64_t returning_at_ms; /* clock_mono_ms: not tried before */
	_Atomic bool returning_failed; /* the database is back, and does not open the node that its cache opened; said once */
	_Atomic bool unsealing;       /* an unseal is queued or runs */
	_Atomic bool asking_anchor;   /* the counter of a token that came back is asked, or will be */
	_Atomic uint64_t ask_anchor_after_ms; /* clock_mono_ms: not before */
	_Atomic bool unseal_again;    /* the last one failed for want of memory or disk: the next tick tries again */
	_Atomic bool restarting; /* the end is asked for so that the process is started anew */
	bool draining;
	uint64_t drain_until_ms;
	struct event *drain_timer;
	struct event *signal_events[3];
	int exit_code;
};

#endif

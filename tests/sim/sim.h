/* A simulated domain: nodes that run domain/role.c and domain/fence.c, two database servers, and everything that goes wrong. One seed is one life of it; the
 * same seed is the same life. Time is true time in milliseconds. docs/testing.md says what it shows. */
#ifndef COFFER_TESTS_SIM_H
#define COFFER_TESTS_SIM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/fence.h"
#include "domain/role.h"
#include "domain/settle.h"
#include "store/store_internal.h"

#define IDENTITIES 4u              /* nodes of the domain */
#define NODES 5u                   /* and room for a clone */
#define SERVERS 2u
#define REQUESTS 24u
#define NEVER UINT64_MAX
#define LEASE_TIME 15000u
#define OPEN_LIMIT 6000u           /* a server ends a transaction that is idle for so long */
#define HEAL_MS 14000u               /* between mending and the administrators' decisions */
#define COMMIT_LIMIT 3000u         /* a node waits so long for the answer to a commit */
#define LOG_MAX 1024u
#define IMAGES 3072u
#define SESSIONS 16u
#define WRITES 4u

/* Rows: the lease, notes of twins, node records, roots, requests. */
enum { KEY_LEASE, KEY_TWIN, KEY_NODE = KEY_TWIN + IDENTITIES, KEY_ROOT = KEY_NODE + IDENTITIES, KEY_REQUEST = KEY_ROOT + IDENTITIES, KEYS = KEY_REQUEST + REQUESTS };

struct image { /* a row, as one write left it */
	struct store_row row;
	uint8_t header[4], body[256];
	uint16_t key;
};

struct entry { /* a commit */
	const struct image *writes[WRITES]; /* body.len 0: erased */
	uint8_t count, identity;
	uint64_t at_ms;
};

struct cell {
	const struct image *now;
	uint32_t changed;      /* length of the log after its last change */
	uint64_t holders;      /* sessions that hold it */
	int writer;            /* session, or -1 */
};

struct server {
	bool up, primary;
	unsigned timeline;
	uint32_t length;
	struct entry log[LOG_MAX];
	struct cell cells[KEYS];
	uint64_t replay_at;    /* as standby: when the next entry arrives */
	/* The oracle's, of this log. */
	uint64_t epoch;
	uint8_t holder;
	bool held;
	uint32_t removed;      /* identities */
	uint8_t effects[REQUESTS];
};

enum phase { PHASE_FREE, PHASE_OPEN, PHASE_SENT, PHASE_APPLIED };
struct session {
	enum phase phase;
	bool used, orphan;     /* orphan: its node is gone */
	uint8_t server, identity;
	uint32_t snapshot, position;
	uint64_t serial;       /* a place is used again */
	struct image *writes[WRITES];
	uint8_t count;
	uint64_t due;          /* SENT: is carried out; OPEN: is ended by the server */
};

struct sim_store { /* a node's connection, as the store that its code sees */
	struct store base;
	struct sim *sim;
	uint8_t node;
	enum coffer_err doom, result; /* result: what store_commit will say */
	bool unknown;
};

enum link { LINK_DOWN, LINK_BARRIER, LINK_UP };
enum job { JOB_NONE, JOB_LEASE, JOB_REQUEST, JOB_FOUND, JOB_REMOVE, JOB_NOTE };
struct root { uint64_t version, nonce; };

struct node {
	bool running, stopped;     /* stopped: frozen */
	bool suspended;            /* frozen, and its clock with it */
	uint8_t identity;
	int twin_of;               /* a clone; -1 */
	struct domain_role role;
	struct sim_store store;
	struct ring *ring;
	bool reach[SERVERS];
	uint64_t skew_ms, rate;    /* own clock = true * rate / 1000 + skew */
	uint64_t wake, frozen_at, began;
	/* connection */
	enum link link;
	int session;
	uint64_t serial;
	uint8_t server;
	unsigned timeline;         /* newest that it saw */
	uint64_t answer_at, give_up_at;
	/* work under way */
	enum job job;
	struct role_action action;
	int request;               /* in hand; -1 */
	int remove;
	int settle_request;        /* of unknown outcome */
	struct root own, attempt;  /* its root: as known to be there, and as being written */
	uint64_t roots[IDENTITIES], reading[IDENTITIES]; /* newest that were read before a commit of its own was confirmed; that were read since */
	uint64_t mark_epoch;       /* durable */
	bool behind;
};

enum told { TOLD_NOTHING, TOLD_DONE, TOLD_NOT };
struct request {
	enum told told;
	bool in_hand;
	uint8_t by;                /* identity that told */
	uint32_t knows;            /* identities that were told, or told it, and did not accept another store since */
};

enum kind { KIND_CALM, KIND_CHAOS, KIND_ASYNC, KIND_FLAP, KIND_TWIN, KINDS };

struct sim {
	uint64_t seed, now, dice;
	enum kind kind;
	bool synchronous, cut;     /* cut: nothing is replicated */
	unsigned nodes;
	struct node node[NODES];
	struct server server[SERVERS];
	struct session session[SESSIONS];
	struct image *images;
	uint32_t image_count;
	unsigned newest, timelines;
	uint64_t serials;
	struct request request[REQUESTS];
	unsigned next_request;
	uint64_t next_chaos, next_ask, next_turn, heal_at, end_at;
	unsigned takes, takes_calm, heal_steps;
	uint64_t masterless_at;    /* nobody is master server since; NEVER: somebody is */
	bool calm;                 /* nothing is wrong now */
	uint64_t calm_since, last_lead_ms, taken_over_ms;
	bool cloned, accepted_any;
	bool trace;
	char broken[200];          /* the first rule that was broken */
};

/* sim.c */
uint64_t sim_dice(struct sim *s, uint64_t below);
bool sim_chance(struct sim *s, unsigned percent);
void sim_trace(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_broken(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Runs a life; false: a rule was broken. */
bool sim_run(struct sim *s, uint64_t seed, bool trace);

/* sim_db.c */
void db_init(struct sim *s);
void db_store_init(struct sim *s, uint8_t node);
unsigned db_key(enum store_table table, struct view id);
/* A session of a node at a server; -1: its identity has another one there, or there is no room. */
int db_connect(struct sim *s, uint8_t identity, uint8_t server);
/* Whether the server still has this node's session. */
bool db_is_here(const struct sim *s, const struct node *n);
void db_leave(struct sim *s, int session);
void db_send_commit(struct sim *s, int session, uint64_t delay);
/* ERR_BUSY: not answered yet. */
enum coffer_err db_commit_answer(const struct sim *s, int session);
/* Everything that servers do by now; when the next thing is due. */
void db_run(struct sim *s);
uint64_t db_next(const struct sim *s);
void db_crash(struct sim *s, unsigned server);
void db_promote(struct sim *s);
void db_rebuild(struct sim *s);
/* An administrator's write, at once. */
void db_force_erase(struct sim *s, unsigned key);
const struct image *db_row(const struct sim *s, unsigned server, unsigned key);

/* sim_world.c: what is made once */
bool world_make(void);
void world_end(void);
struct ring *world_ring(unsigned identity);
const uint8_t *world_node_id(unsigned identity);
const struct image *world_record(unsigned identity, bool removed);

/* sim_node.c */
void node_start(struct sim *s, unsigned n, bool again);
void node_stop(struct sim *s, unsigned n);
void node_step(struct sim *s, unsigned n);
uint64_t node_clock(const struct sim *s, const struct node *n);
bool node_is_master(const struct sim *s, unsigned n);
bool node_is_free(const struct node *n);
void node_ask(struct sim *s, unsigned n, int request);
void node_remove(struct sim *s, unsigned n, int identity);
void node_accept_store(struct sim *s, unsigned n);
/* sim_link.c: its connection */
void link_lost(struct sim *s, struct node *n, bool commit_sent);
void link_step(struct sim *s, struct node *n);
uint64_t link_root(const struct sim *s, const struct node *n, unsigned identity, uint64_t *nonce);

/* sim_chaos.c */
void chaos_plan(struct sim *s);
void chaos_run(struct sim *s);

/* sim_oracle.c */
void oracle_commit(struct sim *s, unsigned server, const struct entry *e);
void oracle_told(struct sim *s, struct node *n, int request, enum told told);
void oracle_promoted(struct sim *s);
void oracle_connected(struct sim *s, const struct node *n);
void oracle_said(struct sim *s, unsigned n, unsigned said);
void oracle_step(struct sim *s);
void oracle_end(struct sim *s);

#endif

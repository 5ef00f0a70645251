/* One operation = one file op_<name>.c and one row of ops/dispatch.c. The dispatcher finds the target, asks the policy, runs the handler, and
 * writes the audit row; a missing row means refused. */
#ifndef COFFER_OPS_OP_H
#define COFFER_OPS_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "access/policy.h"
#include "access/quorum.h"
#include "base/reason.h"
#include "base/writer.h"
#include "ops/again.h"
#include "ops/bulk.h"
#include "ops/engine.h"
#include "ops/local.h"
#include "ops/segment_work.h"
#include "ops/streams.h"
#include "ttlv/ttlv.h"

enum op_lane { OP_LANE_WORKER, OP_LANE_STORE, OP_LANE_ADMIN };

/* Where the dispatcher finds the object that the operation is about. The dispatcher takes the Unique Identifier and the key name (TAG_COFFER_KEY_NAME)
 * from the payload, so a handler starts behind them and uses ctx->object; sealed data, stream header and stream handle stay for the handler.
 * A payload with a stream handle is about the object of that stream. */
enum op_target {
	OP_TARGET_NONE,
	OP_TARGET_ID,       /* Unique Identifier of the payload, else the ID Placeholder (KMIP 1.4 section 4) */
	OP_TARGET_ID_OR_NAME, /* Unique Identifier or Name (vendor operations) */
	OP_TARGET_SEALED    /* the key id inside the sealed message or stream header */
};

enum op_audit {
	OP_AUDIT_NEVER,     /* reads of no secret */
	OP_AUDIT_COUNTED,   /* bulk use of keys: counted, or success and failure one by one (configuration key audit_bulk); refusals */
	OP_AUDIT_ALWAYS,    /* management: success and failure */
	OP_AUDIT_FAILED,    /* failures; success stands in the transaction of what it did */
	OP_AUDIT_DENIED     /* only refusals */
};

struct op_ctx {
	struct engine *engine;
	const struct principal *principal;
	const struct grants *grants;     /* as earlier items of the transaction left them; the dispatcher owns the reference */
	struct op_local *local;          /* of the thread that runs this */
	struct op_streams *streams;      /* of the connection */
	struct again_parts *again;       /* what the operation says of itself when it used a warm key (ops/again.h); NULL: nobody wants to know */
	struct segment_work *work;       /* of the request: what an operation that is alone in its batch leaves to be done */
	struct txn *txn;                 /* store lane only, else NULL */
	bool alone;                      /* the only item of its batch */
	uint32_t version_major, version_minor; /* of the request; every answer is in this version */
	bool has_request_id;
	uint8_t request_id[16];
	bool has_placeholder;            /* ID Placeholder of the batch */
	uint8_t placeholder[UUID_LEN];
	struct object *object;           /* the target, allowed by the policy; the dispatcher owns the reference */
	bool groups_asked;               /* op_may_regroup was called (ops/regroup.h) */
	bool has_touched;                /* what the audit row names when there is no target (Create …) */
	uint8_t touched[UUID_LEN];
	char detail[256];                /* for the audit row; never a secret */
	uint64_t bulk_bytes;             /* bulk use of a key: bytes of its data … */
	bool bulk_part;                  /* … this is not the first part of it … */
	bool bulk_invalid;               /* … it was carried out, and what it checked does not verify */
	struct reason reason;            /* one sentence when the handler fails */
	char quorum_id[QUORUM_ID_TEXT];  /* of the approval that is used (ops/quorum_ask.h); "" none */
	uint32_t result_reason;          /* KMIP Result Reason of the failure; 0: that of the error */
	uint8_t refused[64];             /* Check: encoded fields of the Response Payload that its failure has; refused_len 0: none */
	size_t refused_len;
	bool forget_placeholder;         /* Check: its failure empties the ID Placeholder */
	bool want_store;                 /* with ERR_NOT_CACHED on the worker lane: run the whole request again on the store lane */
	bool want_name;                  /* with ERR_NOT_CACHED: what is to be loaded: wanted_name, else wanted_id */
	uint8_t wanted_id[UUID_LEN];
	struct view wanted_name;
};

/* Reads its payload, acts, writes the fields of the Response Payload. ERR_NOT_CACHED on the worker lane: the daemon loads the object on the
 * store thread and runs the request again (handlers on this lane have no side effect before they succeed). */
typedef enum coffer_err op_fn(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out);

enum op_flags {
	OP_SEALED_OK = 1,        /* also when sealed */
	OP_UNINITIALISED_OK = 2, /* also before init: to root and the daemon's own user */
	OP_ALONE = 4,            /* the only item of its batch */
	OP_SECRET_ANSWER = 8,    /* the answer holds a secret: not kept for repeated request ids */
	OP_WHEN_FULL = 32,       /* a change that is carried out when the disk is full: it ends a use or gives room */
	OP_TELLS_BULK = 64,      /* what was counted with its object until now, or with any, is in the audit log before its own row */
	OP_ARCHIVED_OK = 16,     /* also on an archived object; every other operation on one is refused with Object Archived */
	OP_SEALS = 256,          /* seals something new: only while there is a master server, or within encrypt_grace (ops/seat.h) */
	OP_FENCED = 1024,        /* the master server alone: store lane, in a transaction that holds the lease; admin lane, asked first, and the handler's transactions begin with seat_check_master */
	OP_ANCHORED = 128,       /* it ends something that an older store would bring back: the token's counter is raised before it is acknowledged (ops/anchor.h) */
	OP_FROM_CACHE = 2048,    /* store lane, also while the database does not answer, from the node's cache: it changes no object, and its audit record is held (audit/held.h) */
	OP_ONLY_READS = 4096,    /* store lane: it writes nothing, no audit record either, and may take a transaction that hinders no writer */
	OP_ADMIN_LOCK = 512      /* admin lane: the handler runs under engine->admin_lock */
};

struct op_row {
	uint32_t operation;
	const char *name;          /* "Create" */
	op_fn *run;
	enum permission permission;
	enum op_target target;
	enum op_lane lane;
	enum op_audit audit;
	unsigned flags;            /* enum op_flags */
	uint8_t since_minor;       /* first KMIP 1.x minor version that has it */
};

#endif

/* The nodes of a domain, as its operations see them (docs/formats.md section 23). */
#ifndef COFFER_OPS_NODES_H
#define COFFER_OPS_NODES_H

#include "domain/node_record.h"
#include "ops/engine.h"

/* Store lane, inside a transaction, first: only the master server of a domain that several nodes share may do this. ERR_UNSUPPORTED: nobody shares the store; ERR_STATE. */
enum coffer_err nodes_check_master(struct engine *engine, struct reason *reason) MUST_USE;
/* The node with this id, or else the one that has this name and was not removed. ERR_NOT_FOUND with a sentence. Store lane. */
enum coffer_err nodes_find(struct txn *txn, struct view name_or_id, struct node_record *out, struct reason *reason) MUST_USE;

/* A name that an administrator gives: `what` ("an enrolment token") has 1 to ADMISSION_NAME_MAX printable bytes of UTF-8 as one. ERR_FIELD with a sentence. */
enum coffer_err nodes_take_name(struct view text, const char *what, char out[static ADMISSION_NAME_MAX + 1], struct reason *reason) MUST_USE;

/* What stands in the way of a removed node: its slots, what waits for it, its transport record, its sign of life, up to where its held audit records were moved, and what it had begun with its master secret. Inside a transaction. */
enum coffer_err nodes_erase_rows(struct txn *txn, const uint8_t node_id[static UUID_LEN]) MUST_USE;

#endif

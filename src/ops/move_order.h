/* The order to move the store to another place, in the state directory: what is to be done, how far it is, and afterwards where the store is (docs/formats.md section 26). */
#ifndef COFFER_OPS_MOVE_ORDER_H
#define COFFER_OPS_MOVE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "access/principal.h"
#include "store/move.h"
#include "store/remote_wire.h"

#define MOVE_ORDER_NAME "store.move"

enum move_phase {
	MOVE_NONE,     /* no store of this folder was ever moved */
	MOVE_ORDERED,  /* the old store is the truth; the new one is being filled and compared */
	MOVE_SWITCHED, /* the new one is; marks and the audit record are outstanding */
	MOVE_DONE
};

struct move_order {
	enum move_phase phase;
	bool to_database;                     /* else from the database to the file */
	uint8_t move_id[STORE_MOVE_ID_LEN];
	uint64_t ordered_s, switched_s;
	char by[PRINCIPAL_MAX + 1];
	/* The database's address, as in store/remote.h: also of one that was left, and stands in no configuration any more. No password is in it. */
	char conninfo[REMOTE_CONNINFO_MAX + 1], schema[REMOTE_NAME_MAX + 1], passfile[REMOTE_PATH_MAX + 1];
};

/* phase NONE where there is none. ERR_CORRUPT, ERR_IO, with a sentence. */
enum coffer_err move_order_read(const char *dir, struct move_order *out, struct reason *reason) MUST_USE;
/* Durable when it returns. ERR_IO, ERR_FULL, ERR_USAGE with a sentence. */
enum coffer_err move_order_write(const char *dir, const struct move_order *order, struct reason *reason) MUST_USE;
/* ERR_OK also when there is none. */
enum coffer_err move_order_remove(const char *dir, struct reason *reason) MUST_USE;

/* "PostgreSQL, schema NAME" or "SQLite (store.db)": where it goes, and where it comes from. */
void move_order_place(const struct move_order *order, bool target, char *out, size_t cap);
const char *move_phase_name(enum move_phase phase);

#endif

/* The dispatch table of KMIP's own operations, and the look-up over both tables. A missing row means refused. */
#include "ops/dispatch.h"

#include <pthread.h>
#include <string.h>

#include "kmip/enums.h"
#include "ops/tables.h"

#define ROW(op, text, fn, perm, where, on, log, bits, since) \
	{ .operation = OPERATION_##op, .name = text, .run = fn, .permission = PERMISSION_##perm, .target = OP_TARGET_##where, \
	  .lane = OP_LANE_##on, .audit = OP_AUDIT_##log, .flags = (bits), .since_minor = (since) }

#define ANY_STATE (OP_SEALED_OK | OP_UNINITIALISED_OK)

const struct op_row kmip_rows[] = {
	ROW(CREATE,             "Create",             op_create,             CREATE, NONE, STORE,  ALWAYS, OP_SEALS, 0),
	ROW(REGISTER,           "Register",           op_register,           CREATE, NONE, STORE,  ALWAYS, OP_SEALS, 0),
	ROW(RE_KEY,             "Re-key",             op_rekey,              MANAGE, ID,   STORE,  ALWAYS, OP_SEALS, 0),
	ROW(LOCATE,             "Locate",             op_locate,             NONE,   NONE, STORE,  NEVER,  OP_ONLY_READS, 0),
	ROW(GET,                "Get",                op_get,                EXPORT, ID,   STORE,  ALWAYS, OP_SECRET_ANSWER | OP_FROM_CACHE, 0),
	ROW(GET_ATTRIBUTES,     "Get Attributes",     op_get_attributes,     READ,   ID,   WORKER, DENIED, 0, 0),
	ROW(GET_ATTRIBUTE_LIST, "Get Attribute List", op_get_attribute_list, READ,   ID,   WORKER, DENIED, 0, 0),
	ROW(ADD_ATTRIBUTE,      "Add Attribute",      op_add_attribute,      MANAGE, ID,   STORE,  ALWAYS, 0, 0),
	ROW(MODIFY_ATTRIBUTE,   "Modify Attribute",   op_modify_attribute,   MANAGE, ID,   STORE,  ALWAYS, 0, 0),
	ROW(DELETE_ATTRIBUTE,   "Delete Attribute",   op_delete_attribute,   MANAGE, ID,   STORE,  ALWAYS, 0, 0),
	ROW(ACTIVATE,           "Activate",           op_activate,           MANAGE, ID,   STORE,  ALWAYS, 0, 0),
	ROW(REVOKE,             "Revoke",             op_revoke,             MANAGE, ID,   STORE,  ALWAYS, OP_WHEN_FULL | OP_TELLS_BULK | OP_ANCHORED, 0),
	ROW(DESTROY,            "Destroy",            op_destroy,            MANAGE, ID,   STORE,  ALWAYS, OP_WHEN_FULL | OP_TELLS_BULK | OP_ANCHORED, 0),
	ROW(ARCHIVE,            "Archive",            op_archive,            MANAGE, ID,   STORE,  ALWAYS, 0, 0),
	ROW(RECOVER,            "Recover",            op_recover,            MANAGE, ID,   STORE,  ALWAYS, OP_ARCHIVED_OK, 0),
	ROW(CHECK,              "Check",              op_check,              READ,   ID,   WORKER, DENIED, 0, 0),
	ROW(OBTAIN_LEASE,       "Obtain Lease",       op_obtain_lease,       READ,   ID,   WORKER, DENIED, 0, 0),
	ROW(GET_USAGE_ALLOCATION, "Get Usage Allocation", op_get_usage_allocation, USE, ID, STORE, ALWAYS, 0, 0),
	ROW(QUERY,              "Query",              op_query,              NONE,   NONE, WORKER, NEVER,  ANY_STATE, 0),
	ROW(DISCOVER_VERSIONS,  "Discover Versions",  op_discover_versions,  NONE,   NONE, WORKER, NEVER,  ANY_STATE, 1),
	ROW(ENCRYPT,            "Encrypt",            op_encrypt,            USE,    ID,   WORKER, COUNTED, OP_SEALS, 2),
	ROW(DECRYPT,            "Decrypt",            op_decrypt,            USE,    ID,   WORKER, COUNTED, OP_SECRET_ANSWER, 2),
	ROW(MAC,                "MAC",                op_mac,                USE,    ID,   WORKER, COUNTED, 0, 2),
	ROW(MAC_VERIFY,         "MAC Verify",         op_mac_verify,         USE,    ID,   WORKER, COUNTED, 0, 2),
	ROW(HASH,               "Hash",               op_hash,               RANDOM, NONE, WORKER, DENIED, 0, 2),
};
const size_t kmip_row_count = sizeof kmip_rows / sizeof kmip_rows[0];

#define ROWS_MAX 128u

#define INDEX_SIZE 512u /* a power of two, several times ROWS_MAX */

static struct op_row all_rows[ROWS_MAX];
static size_t all_count;
static uint8_t row_index[INDEX_SIZE]; /* place of a row + 1; 0: none */
static pthread_once_t joined = PTHREAD_ONCE_INIT;

static size_t slot_of(uint32_t operation)
{
	return (operation * UINT32_C(0x9e3779b1)) >> 23 & (INDEX_SIZE - 1);
}

static void join_tables(void)
{
	PRE(kmip_row_count + vendor_row_count <= ROWS_MAX);
	memcpy(all_rows, kmip_rows, kmip_row_count * sizeof *kmip_rows);
	memcpy(all_rows + kmip_row_count, vendor_rows, vendor_row_count * sizeof *vendor_rows);
	all_count = kmip_row_count + vendor_row_count;
	for (size_t i = 0; i < all_count; i++) {
		size_t slot = slot_of(all_rows[i].operation);
		while (row_index[slot]) slot = (slot + 1) & (INDEX_SIZE - 1);
		row_index[slot] = (uint8_t)(i + 1);
	}
}

const struct op_row *dispatch_rows(size_t *out_count)
{
	pthread_once(&joined, join_tables);
	*out_count = all_count;
	return all_rows;
}

const struct op_row *dispatch_find(uint32_t operation)
{
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t slot = slot_of(operation); row_index[slot]; slot = (slot + 1) & (INDEX_SIZE - 1))
		if (rows[row_index[slot] - 1].operation == operation) return &rows[row_index[slot] - 1];
	return NULL;
}

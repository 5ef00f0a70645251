#include "keyring/audit_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyring/record.h"

#define PREFIX_LEN (sizeof AUDIT_KEY_PREFIX - 1)

void audit_key_name(uint32_t generation, char out[static AUDIT_KEY_NAME])
{
	(void)snprintf(out, AUDIT_KEY_NAME, AUDIT_KEY_PREFIX "%08x", (unsigned)generation);
}

bool audit_key_is(const struct store_row *row)
{
	return row->id_len == AUDIT_KEY_NAME - 1 && memcmp(row->id, AUDIT_KEY_PREFIX, PREFIX_LEN) == 0;
}

enum coffer_err audit_key_take(struct ring *ring, const struct store_row *row)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	char name[AUDIT_KEY_NAME], *end;
	PRE(audit_key_is(row));
	memcpy(name, row->id, row->id_len);
	name[row->id_len] = '\0';
	unsigned long generation = strtoul(name + PREFIX_LEN, &end, 16);
	ENSURE(*end == '\0', ERR_CORRUPT);
	TRY(record_open(ring, STORE_DOMAIN, row, &plain));
	AUTO_SECRET struct secret *key = secret_copy(plain.ptr, plain.len);
	ENSURE(key, ERR_MEMORY);
	enum coffer_err err = ring_add_audit(ring, (uint32_t)generation, &key);
	if (err == ERR_EXISTS) return ERR_OK;
	return err == ERR_FIELD ? ERR_CORRUPT : err;
}

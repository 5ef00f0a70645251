/* The MAC of the shared rows. */
#include "domain/row_mac.h"

#include "base/writer.h"
#include "keyring/label.h"
#include "keyring/record.h"

#define LABEL_BYTES (1u + sizeof LABEL_PREFIX - 1 + LABEL_MAX)

enum coffer_err row_mac(struct ring *ring, const struct store_row *row, const char *label, struct view fields, uint8_t out[static MAC_LEN])
{
	AUTO_BUF struct buf binding = BUF_EMPTY;
	uint8_t prefix[LABEL_BYTES], len[4];
	const struct secret *key;
	struct writer l, n;
	writer_init(&l, prefix, sizeof prefix);
	label_write(&l, label);
	writer_init(&n, len, sizeof len);
	writer_u32(&n, (uint32_t)fields.len);
	TRY(writer_done(&l));
	TRY(writer_done(&n));
	TRY(record_bind(ring_domain(ring), STORE_LEASE, row, &binding));
	TRY(ring_subkey(ring, row->generation, SUBKEY_NODE_RECORD, &key));
	const struct view parts[] = { writer_view(&l), buf_view(&binding), writer_view(&n), fields };
	return mac_hmac_sha256(secret_view(key), parts, sizeof parts / sizeof parts[0], out);
}

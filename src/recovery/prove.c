/* Proof that what people hold is enough: from the row to the newest data key. */
#include "recovery/recovery.h"

static enum coffer_err newest_opens(const struct domain_id *domain, const struct stanza *stanza, const struct secret *private_key,
	struct reason *reason)
{
	AUTO_SECRET struct secret *key = NULL;
	uint32_t generation;
	return recovery_unwrap(domain, stanza, stanza->count - 1, private_key, &generation, &key, reason);
}

static enum coffer_err read_row(const struct domain_id *domain, const struct store_row *row, struct stanza *out,
	struct reason *reason)
{
	TRY(stanza_parse(row, out, reason));
	return stanza_verify(domain, row, out, reason);
}

enum coffer_err recovery_prove_shares(const struct domain_id *domain, const struct store_row *row,
	const struct view *texts, unsigned count, struct reason *reason)
{
	struct stanza stanza;
	AUTO_SECRET struct secret *private_key = NULL;
	TRY(read_row(domain, row, &stanza, reason));
	TRY(recovery_open_shares(domain, &stanza, texts, count, &private_key, reason));
	return newest_opens(domain, &stanza, private_key, reason);
}

enum coffer_err recovery_prove_passphrase(const struct domain_id *domain, const struct store_row *row, struct view passphrase,
	struct reason *reason)
{
	struct stanza stanza;
	AUTO_SECRET struct secret *private_key = NULL;
	TRY(read_row(domain, row, &stanza, reason));
	TRY(recovery_open_passphrase(domain, &stanza, passphrase, &private_key, reason));
	return newest_opens(domain, &stanza, private_key, reason);
}

/* recovery/: shares as people type them, and what they become. */
#include <string.h>

#include "ct/ct.h"
#include "recovery/recovery.h"
#include "recovery/recovery_internal.h"
#include "unit/keyring/fixture.h"

#define SHEET_MAX 512u
#define FIRST_SECRET_LINE 3u   /* bytes 40 to 71 of a share are secret: line 3 from its 17th character on, lines 4 and 5 */
#define FIRST_SECRET_CHAR 16u

/* A sheet whose secret characters are hidden: those that carry y, and the sums over them. Numbers, set, fingerprint and layout may be known. */
static struct view hide_sheet(unsigned x, char text[static SHEET_MAX])
{
	struct view sheet = answer_sheet(x);
	unsigned line = 0, count = 0;
	bool at_begin = true;
	memcpy(text, sheet.ptr, sheet.len);
	for (size_t i = 0; i < sheet.len; i++) {
		char c = text[i];
		if (at_begin && c >= '1' && c <= '5') line = (unsigned)(c - '0'), count = 0;
		else if (at_begin) line = 0;
		else if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", c) && (line > FIRST_SECRET_LINE || (line == FIRST_SECRET_LINE && count >= FIRST_SECRET_CHAR))) ct_hide(text + i, 1);
		if (!at_begin && c != ' ' && c != '-') count++;
		at_begin = c == '\n';
	}
	return view_of(text, sheet.len);
}

static enum coffer_err read_share(void)
{
	char text[SHEET_MAX];
	struct share share = { 0 };
	struct reason why = { "" };
	uint8_t digest[SHARE_DIGEST_LEN];
	TRY(share_read(hide_sheet(2, text), &share, &why));
	enum coffer_err err = ct_is_hidden(secret_bytes(share.y), SHARE_SECRET_LEN) ? share_digest(&share, digest) : ERR_STATE;
	if (!err) err = ct_take(digest, sizeof digest);
	share_done(&share);
	return err;
}

static enum coffer_err print_share(void)
{
	AUTO_BUF struct buf out = BUF_EMPTY;
	struct share share = { 0 };
	TRY(share_read(answer_sheet(1), &share, NULL));
	ct_hide(secret_mut(share.y), SHARE_SECRET_LEN);
	enum coffer_err err = share_print(&share, &out);
	if (!err) err = ct_take(out.ptr, out.len);
	share_done(&share);
	return err;
}

/* A character mistyped in line 5: found by its sum. */
static enum coffer_err mistyped_share(void)
{
	char text[SHEET_MAX];
	struct share share = { 0 };
	struct reason why = { "" };
	struct view sheet = hide_sheet(3, text);
	size_t at = sheet.len - 10; /* in line 5 */
	text[at] = (char)(text[at] ^ 1);
	enum coffer_err err = share_read(sheet, &share, &why);
	share_done(&share);
	return err == ERR_CORRUPT ? ERR_OK : ERR_STATE;
}

static void stanza_of(struct stanza *out, uint8_t body[static ANSWER_MAX], uint8_t key_id[static ANSWER_MAX])
{
	static uint8_t header[] = { 1 };
	struct store_row row = { .id_len = 16, .version = 1, .state = STANZA_CURRENT, .header = view_of(header, 1) };
	row.body = answer("stanza-shares", body);
	memcpy(row.id, answer("recovery-key-id", key_id).ptr, row.id_len);
	if (stanza_parse(&row, out, NULL) != ERR_OK) out->mode = 0;
}

/* Shares, their digests, the private key, the public key that proves it, and the data key behind. */
static enum coffer_err open_shares(void)
{
	char text[3][SHEET_MAX];
	const struct view sheets[] = { hide_sheet(5, text[0]), hide_sheet(1, text[1]), hide_sheet(4, text[2]) };
	uint8_t body[ANSWER_MAX], key_id[ANSWER_MAX];
	struct domain_id domain;
	struct stanza stanza;
	AUTO_SECRET struct secret *private_key = NULL;
	AUTO_SECRET struct secret *key = NULL;
	uint32_t generation = 0;
	struct reason why = { "" };
	fixture_domain(&domain);
	stanza_of(&stanza, body, key_id);
	TRY(recovery_open_shares(&domain, &stanza, sheets, 3, &private_key, &why));
	ENSURE(ct_is_hidden(secret_bytes(private_key), secret_len(private_key)), ERR_STATE);
	return recovery_unwrap(&domain, &stanza, 0, private_key, &generation, &key, &why);
}

/* What memcheck would say of the sharing alone, were it branching. */
static enum coffer_err branch_control(void)
{
	char text[SHEET_MAX];
	struct view sheet = hide_sheet(2, text);
	volatile unsigned count = 0;
	for (size_t i = 0; i < sheet.len; i++)
		if (text[i] == 'A') count = count + 1;
	return ERR_OK;
}

const struct ct_case ct_recovery[] = {
	{ "share_read, share_digest", CT_CLEAN, read_share },
	{ "share_print", CT_CLEAN, print_share },
	{ "share_read: mistyped", CT_CLEAN, mistyped_share },
	{ "recovery_open_shares, recovery_unwrap", CT_CLEAN, open_shares },
	{ "a search in a sheet", CT_CONTROL, branch_control },
	{ NULL, CT_CLEAN, NULL },
};

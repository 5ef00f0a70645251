/* The card of a domain and the rows of table 65, as bytes. */
#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "domain/admission.h"

#define FORMAT 1u

/* ---- card ---- */

enum coffer_err admission_card_write(const struct domain_id *domain, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out, ADMISSION_CARD_LEN);
	writer_u8(&w, FORMAT);
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->public_key, DOMAIN_PUBLIC_LEN));
	return writer_done(&w);
}

static enum coffer_err read_card(struct view bytes, struct domain_id *out)
{
	struct reader r;
	uint8_t format;
	reader_init(&r, bytes);
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_bytes(&r, out->id, UUID_LEN));
	TRY(reader_bytes(&r, out->public_key, DOMAIN_PUBLIC_LEN));
	return reader_end(&r);
}

enum coffer_err admission_card_read(struct view bytes, const uint8_t typed[static DOMAIN_FINGERPRINT_LEN], struct domain_id *domain, struct reason *reason)
{
	struct domain_id found = *domain;
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	enum coffer_err err = read_card(bytes, &found);
	if (err == ERR_VERSION) return reason_fail(reason, err, "the domain's card has a format that this version does not know; install a newer Coffer");
	if (err) return reason_fail(reason, ERR_CORRUPT, "the domain's card in the store is damaged; the master server writes it again when it starts");
	TRY(domain_fingerprint(&found, fingerprint));
	if (!view_equal(view_of(fingerprint, sizeof fingerprint), view_of(typed, DOMAIN_FINGERPRINT_LEN)))
		return reason_fail(reason, ERR_CONTEXT, "the store holds another domain than the one whose fingerprint was given; look at '--store', and at what 'coffer status' says on a member");
	*domain = found;
	return ERR_OK;
}

/* ---- row ---- */

/* What a row of this state has, and nothing else. */
static bool parts_fit(const struct admission_row *row)
{
	bool challenged = row->state == ADMISSION_CHALLENGED;
	if (row->request.len < 1 || row->request.len > ADMISSION_REQUEST_MAX) return false;
	if (challenged != (row->challenge.len != 0) || row->challenge.len > ADMISSION_CHALLENGE_MAX) return false;
	if (row->proof.len != 0 && (!challenged || row->proof.len != ADMISSION_PROOF_LEN)) return false;
	if ((row->state == ADMISSION_ANSWERED) != (row->answer.len != 0) || row->answer.len > ADMISSION_ANSWER_MAX) return false;
	if ((row->state == ADMISSION_REFUSED) != (row->sentence.len != 0) || row->sentence.len > ADMISSION_SENTENCE_MAX) return false;
	return row->state >= ADMISSION_ASKED && row->state <= ADMISSION_CHALLENGED;
}

enum coffer_err admission_row_write(const struct admission_row *row, struct buf *out)
{
	struct writer w;
	ENSURE(parts_fit(row), ERR_FIELD);
	writer_init_buf(&w, out, ADMISSION_ROW_MAX);
	writer_u8(&w, FORMAT);
	writer_u8(&w, (uint8_t)row->state);
	writer_view_u32(&w, row->request);
	writer_view_u32(&w, row->challenge);
	writer_view_u32(&w, row->proof);
	writer_view_u32(&w, row->answer);
	writer_view_u32(&w, row->sentence);
	return writer_done(&w);
}

static enum coffer_err read_row(struct view bytes, struct admission_row *row)
{
	struct reader r;
	uint8_t format, state;
	ENSURE(bytes.len <= ADMISSION_ROW_MAX, ERR_TOO_LARGE);
	reader_init(&r, bytes);
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_u8(&r, &state));
	ENSURE(state >= ADMISSION_ASKED && state <= ADMISSION_CHALLENGED, ERR_VERSION);
	row->state = (enum admission_state)state;
	TRY(reader_view_u32(&r, ADMISSION_REQUEST_MAX, &row->request));
	TRY(reader_view_u32(&r, ADMISSION_CHALLENGE_MAX, &row->challenge));
	TRY(reader_view_u32(&r, ADMISSION_PROOF_LEN, &row->proof));
	TRY(reader_view_u32(&r, ADMISSION_ANSWER_MAX, &row->answer));
	TRY(reader_view_u32(&r, ADMISSION_SENTENCE_MAX, &row->sentence));
	TRY(reader_end(&r));
	return parts_fit(row) ? ERR_OK : ERR_CORRUPT;
}

enum coffer_err admission_row_read(struct view bytes, struct admission_row *out, struct reason *reason)
{
	struct admission_row row = { .state = ADMISSION_ASKED };
	enum coffer_err err = read_row(bytes, &row);
	if (err == ERR_VERSION)
		return reason_fail(reason, err, "the row of a joining node has a format that this version does not know; install the same Coffer on both nodes");
	if (err) return reason_fail(reason, ERR_CORRUPT, "the row of a joining node is damaged; run 'coffer node join' on the new node again");
	*out = row;
	return ERR_OK;
}

/* The cipher's work on a segment in the ring. */
#include "ops/segment_work.h"

#include "base/ct.h"
#include "crypto/crypto_err.h"

bool segment_work_pending(const struct segment_work *work)
{
	return work->sealer || work->opener;
}

size_t segment_work_scratch(const struct segment_work *work)
{
	return work->opener ? work->ticket.plain_len : 0;
}

enum coffer_err segment_work_run(const struct segment_work *work, uint8_t *scratch)
{
	struct view in = view_of(work->bytes, work->len);
	crypto_err_begin();
	if (work->sealer) return stream_seal_taken(work->sealer, &work->ticket, in, work->bytes);
	TRY(stream_open_taken(work->opener, &work->ticket, in, scratch));
	aead_copy_back(work->bytes, scratch, work->ticket.plain_len);
	return ERR_OK;
}

bool segment_work_ended(const struct segment_work *work)
{
	return work->sealer ? stream_sealer_ended(work->sealer) : stream_opener_ended(work->opener);
}

static void end_stream(struct segment_work *work)
{
	if (work->sealer) stream_sealer_end(work->sealer);
	if (work->opener) stream_opener_end(work->opener);
}

void segment_work_fail(struct segment_work *work)
{
	end_stream(work);
	wipe(work->bytes, work->ticket.plain_len + STREAM_TAG_LEN);
}

void segment_work_abandon(struct segment_work *work)
{
	end_stream(work);
	segment_work_drop(work);
}

void segment_work_drop(struct segment_work *work)
{
	stream_sealer_free(work->sealer);
	stream_opener_free(work->opener);
	*work = (struct segment_work){ .sealer = NULL };
}

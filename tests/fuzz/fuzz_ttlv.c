/* Fuzzes ttlv_check, ttlv_frame_size, cursors and getters, ttlv_dump and the encoder: what passes the check is
 * walked, written again and must be the same bytes; what does not pass is walked all the same and must stay inside
 * its bounds. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "fuzz/mutator.h"
#include "ttlv/ttlv.h"
#include "unit/ttlv/reencode.h"

#define INPUT_MAX 65536u

const size_t fuzz_skip = 0;

static void walk_and_compare(struct view in, bool checked)
{
	static uint8_t out[2 * INPUT_MAX];
	struct writer w;
	writer_init(&w, out, sizeof out);
	enum coffer_err err = reencode(in, &w);
	if (!checked) return;
	if (err != ERR_OK || !view_equal(writer_view(&w), in)) abort();
}

static void dump(struct view in)
{
	static uint8_t text[1024 * 1024];
	struct writer w;
	writer_init(&w, text, sizeof text);
	ttlv_dump(in, NULL, &w);
}

/* A frame whose header promises its own size is the only kind that may pass the check. */
static void check_frame(struct view in, bool checked)
{
	size_t frame = 0;
	uint32_t tag = in.len >= 3 ? (uint32_t)in.ptr[0] << 16 | (uint32_t)in.ptr[1] << 8 | in.ptr[2] : 0;
	enum coffer_err err = ttlv_frame_size(in, tag, INPUT_MAX, &frame);
	if (checked && in.ptr[3] == TTLV_STRUCTURE && (err != ERR_OK || frame != in.len)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);
	struct ttlv_limits limits = ttlv_limits_of(INPUT_MAX);
	struct reason reason = { "" };
	if (size > INPUT_MAX) return 0;
	bool checked = ttlv_check(in, &limits, &reason) == ERR_OK;
	if (!checked && reason.text[0] == '\0') abort();
	walk_and_compare(in, checked);
	check_frame(in, checked);
	dump(in);
	return 0;
}

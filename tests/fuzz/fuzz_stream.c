/* Fuzzes stream_header_parse, stream_opener_new and stream_open_segment, envelope_parse_header and envelope_open,
 * context_parse; and seals what it gets and opens it again. Input: any bytes; a sealed stream or message under the
 * all-zero key with an empty context opens. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "crypto/context.h"
#include "crypto/envelope.h"
#include "crypto/ossl_mem.h"
#include "crypto/stream_internal.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t zero[64];
static uint8_t out[(1u << STREAM_BITS_MAX) + STREAM_TAG_LEN];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (arena_init(16u * 1024u * 1024u, false, NULL) != ERR_OK || ossl_mem_install() != ERR_OK) abort();
	return 0;
}

static void open_stream(struct view in)
{
	AUTO(auto_stream_opener_free) struct stream_opener *o = NULL;
	if (stream_opener_new(zero, in, view_of(NULL, 0), &o) != ERR_OK) return;
	size_t at = STREAM_HEADER_LEN, full = stream_opener_segment_size(o) + STREAM_TAG_LEN;
	while (at < in.len && !stream_opener_complete(o)) {
		size_t n = in.len - at < full ? in.len - at : full;
		if (stream_open_segment(o, view_of(in.ptr + at, n), at + n == in.len, out) != ERR_OK) return;
		at += n;
	}
}

/* What was sealed opens to the same bytes, and not with one bit changed. */
static void round_trip(struct view in)
{
	AUTO(auto_stream_sealer_free) struct stream_sealer *s = NULL;
	AUTO(auto_stream_opener_free) struct stream_opener *o = NULL, *p = NULL;
	uint8_t header[STREAM_HEADER_LEN];
	static uint8_t sealed[4096 + STREAM_TAG_LEN];
	if (in.len > 4096) in.len = 4096;
	if (stream_sealer_new_with(zero, zero, 1, in, STREAM_BITS_MIN, zero, zero, header, &s) != ERR_OK ||
		stream_opener_new(zero, view_of(header, sizeof header), in, &o) != ERR_OK ||
		stream_opener_new(zero, view_of(header, sizeof header), in, &p) != ERR_OK ||
		stream_seal_segment(s, in, true, sealed) != ERR_OK) abort();
	struct view ct = view_of(sealed, in.len + STREAM_TAG_LEN);
	if (stream_open_segment(o, ct, true, out) != ERR_OK || !view_equal(view_of(out, in.len), in)) abort();
	sealed[in.len != 0 ? in.ptr[0] % ct.len : 0] ^= 1;
	if (stream_open_segment(p, ct, true, out) != ERR_CONTEXT) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_xaes_key_free) struct xaes_key *key = NULL;
	struct view in = view_of(data, size);
	struct context c;
	if (xaes_key_new(zero, &key) != ERR_OK) abort();
	open_stream(in);
	if (size <= sizeof out) (void)!envelope_open(key, ENVELOPE_MESSAGE, in, view_of(NULL, 0), out);
	if (context_parse(in, &c, NULL) == ERR_OK) { /* one encoding: it comes back the same */
		struct writer w;
		writer_init(&w, out, CONTEXT_ENCODED_MAX);
		context_encode(&c, &w);
		if (writer_done(&w) != ERR_OK || !view_equal(writer_view(&w), in)) abort();
	}
	round_trip(in);
	return 0;
}

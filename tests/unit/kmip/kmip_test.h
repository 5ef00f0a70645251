/* What the tests of kmip/ share: cmocka, hex tables, a writer over fixed memory. */
#ifndef COFFER_TESTS_UNIT_KMIP_KMIP_TEST_H
#define COFFER_TESTS_UNIT_KMIP_KMIP_TEST_H

#include "unit/ttlv/bytes.h"

#include "base/writer.h"
#include "ttlv/ttlv.h"

struct scratch {
	uint8_t bytes[64 * 1024];
	struct writer w;
};

static inline struct writer *scratch_writer(struct scratch *s)
{
	writer_init(&s->w, s->bytes, sizeof s->bytes);
	return &s->w;
}

/* The one item that was written. */
static inline struct ttlv_item scratch_item(const struct scratch *s)
{
	struct ttlv_item item;
	assert_int_equal(writer_done(&s->w), ERR_OK);
	assert_int_equal(ttlv_check(writer_view(&s->w), NULL, NULL), ERR_OK);
	assert_int_equal(ttlv_root(writer_view(&s->w), &item), ERR_OK);
	return item;
}

#endif

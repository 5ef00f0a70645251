/* Fuzzes kmip_request_parse, kmip_response_parse, attributes, key blocks and structured values: every payload that
 * parses is searched for attributes and managed objects, which are written again and must parse again; every message
 * gets an answer that passes the check. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "fuzz/mutator.h"
#include "kmip/attr.h"
#include "kmip/keyblock.h"
#include "kmip/message.h"

const size_t fuzz_skip = 0;

static uint8_t out[256 * 1024];

static void require(bool ok)
{
	if (!ok) abort();
}

static void try_attributes(const struct ttlv_item *item)
{
	struct ttlv_cursor c;
	struct kmip_attr_value v, again;
	struct ttlv_item root;
	bool found = true;
	if (kmip_template_enter(item, &c) != ERR_OK) return;
	while (kmip_attr_next(&c, &v, &found) == ERR_OK && found) {
		struct writer w;
		writer_init(&w, out, sizeof out);
		kmip_attr_put(&w, &v);
		require(writer_done(&w) == ERR_OK && ttlv_root(writer_view(&w), &root) == ERR_OK);
		require(kmip_attr_parse(&root, &again) == ERR_OK && again.id == v.id && again.index == v.index);
	}
}

static void try_object(const struct ttlv_item *item)
{
	struct kmip_managed m, again;
	struct ttlv_item root;
	struct writer w;
	if (kmip_managed_parse(item, &m, NULL) != ERR_OK) return;
	writer_init(&w, out, sizeof out);
	kmip_managed_put(&w, &m);
	require(writer_done(&w) == ERR_OK && ttlv_root(writer_view(&w), &root) == ERR_OK);
	require(kmip_managed_parse(&root, &again, NULL) == ERR_OK && view_equal(again.block.material, m.block.material));
}

static void try_payload(struct ttlv_cursor c)
{
	struct ttlv_item item;
	while (ttlv_next(&c, &item)) {
		try_attributes(&item);
		try_object(&item);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kmip_request request;
	static struct kmip_response response;
	struct ttlv_limits limits = ttlv_limits_of(sizeof out / 4);
	struct writer w;
	struct view in = view_of(data, size);
	enum coffer_err err = kmip_request_parse(in, &limits, &request, NULL);
	require(kmip_version_known(request.version));
	for (size_t i = 0; err == ERR_OK && i < request.count; i++)
		if (request.items[i].err == ERR_OK) try_payload(request.items[i].payload);
	writer_init(&w, out, sizeof out);
	kmip_refuse(&w, request.version, 0, err == ERR_OK ? ERR_DENIED : err, NULL);
	require(writer_done(&w) == ERR_OK && kmip_response_parse(writer_view(&w), NULL, &response, NULL) == ERR_OK);
	if (kmip_response_parse(in, &limits, &response, NULL) == ERR_OK)
		for (size_t i = 0; i < response.count; i++) try_payload(response.items[i].payload);
	return 0;
}

/* Random values. */
#include "fuzz/grammar_values.h"

#include <string.h>

#include "kmip/names.h"
#include "kmip/tags.h"

#define NOW_S 1700000000u /* of the worlds that messages are run in */
#define BYTES_MAX 1024u

#define ENUM_BEGIN(id, lower, name, tag) static const uint32_t values_##id[] = {
#define ENUM_VALUE(id, value, number, name) number,
#define ENUM_END(id) };
#include "kmip/enums.def"
#undef ENUM_BEGIN
#undef ENUM_VALUE
#undef ENUM_END

static const struct { const uint32_t *values; size_t count; } enums[ENUM_COUNT] = {
#define ENUM_BEGIN(id, lower, name, tag) [ENUM_##id] = { values_##id, sizeof values_##id / sizeof values_##id[0] },
#define ENUM_VALUE(id, value, number, name)
#define ENUM_END(id)
#include "kmip/enums.def"
#undef ENUM_BEGIN
#undef ENUM_VALUE
#undef ENUM_END
};

/* Those that lead further; 0 ends the list. */
static const struct { enum kmip_enum which; uint32_t values[6]; } usual[] = {
	{ ENUM_OBJECT_TYPE, { OBJECT_TYPE_SYMMETRIC_KEY } },
	{ ENUM_CRYPTOGRAPHIC_ALGORITHM, { CRYPTOGRAPHIC_ALGORITHM_AES, CRYPTOGRAPHIC_ALGORITHM_AES, CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256 } },
	{ ENUM_BLOCK_CIPHER_MODE, { BLOCK_CIPHER_MODE_CBC, BLOCK_CIPHER_MODE_ECB, BLOCK_CIPHER_MODE_GCM, BLOCK_CIPHER_MODE_CTR, BLOCK_CIPHER_MODE_GCM } },
	{ ENUM_PADDING_METHOD, { PADDING_METHOD_NONE, PADDING_METHOD_PKCS5 } },
	{ ENUM_HASHING_ALGORITHM, { HASHING_ALGORITHM_SHA_256 } },
	{ ENUM_KEY_FORMAT_TYPE, { KEY_FORMAT_TYPE_RAW, KEY_FORMAT_TYPE_RAW, KEY_FORMAT_TYPE_OPAQUE, KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY } },
	{ ENUM_NAME_TYPE, { NAME_TYPE_UNINTERPRETED_TEXT_STRING } },
	{ ENUM_REVOCATION_REASON_CODE, { REVOCATION_REASON_CODE_UNSPECIFIED, REVOCATION_REASON_CODE_KEY_COMPROMISE } },
	{ ENUM_WRAPPING_METHOD, { WRAPPING_METHOD_ENCRYPT } },
};

enum ttlv_type grammar_type_of(enum rule_kind kind)
{
	switch (kind) {
	case RULE_BYTES: return TTLV_BYTES;
	case RULE_INT: return TTLV_INTEGER;
	case RULE_LONG: return TTLV_LONG_INTEGER;
	case RULE_BOOL: return TTLV_BOOLEAN;
	case RULE_TIME: return TTLV_DATE_TIME;
	case RULE_INTERVAL: return TTLV_INTERVAL;
	case RULE_BIGINT: return TTLV_BIG_INTEGER;
	default: return TTLV_TEXT;
	}
}

enum kmip_enum grammar_enum_of(uint32_t tag)
{
	return kmip_enum_of_tag(tag);
}

static uint32_t any_int(struct dice *d)
{
	static const uint32_t ints[] = { 0, 1, 2, 16, 65536, 131072, 1048576, 16777216, 0x7fffffff, 0x80000000, 0xffffffff };
	return dice_one_in(d, 4) ? (uint32_t)dice_u64(d) : ints[dice_below(d, sizeof ints / sizeof ints[0])];
}

static uint64_t any_time(struct dice *d)
{
	switch (dice_below(d, 8)) {
	case 0: return 0;
	case 1: return dice_u64(d);
	case 2: return UINT64_MAX - dice_below(d, 1000000);
	default: return NOW_S - 1000000 + dice_below(d, 2000000);
	}
}

static void put_text(struct tree *t, uint16_t parent, uint32_t tag, struct dice *d)
{
	static const char *const texts[] = { "a", "public", "default", "tpm2:", "pkcs11:token=t", "text with \xc3\xa4 and \xe2\x82\xac", "unix:4001", "pay", "0", "",
		"a text that is a little longer than the others, so that it needs more than one block of sixteen bytes" };
	tree_text(t, parent, tag, texts[dice_below(d, sizeof texts / sizeof texts[0])]);
}

static void put_bytes(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, uint32_t len, struct dice *d)
{
	uint8_t bytes[BYTES_MAX];
	bool random = dice_one_in(d, 2);
	uint8_t fill = (uint8_t)dice_u64(d);
	if (len > BYTES_MAX) len = BYTES_MAX;
	for (uint32_t i = 0; i < len; i++) bytes[i] = random ? (uint8_t)dice_u64(d) : fill;
	tree_leaf(t, parent, tag, type, view_of(bytes, len));
}

void grammar_value(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, struct dice *d)
{
	switch (type) {
	case TTLV_INTEGER: case TTLV_ENUMERATION: case TTLV_INTERVAL: tree_u32(t, parent, tag, type, any_int(d)); break;
	case TTLV_LONG_INTEGER: tree_u64(t, parent, tag, type, dice_one_in(d, 4) ? dice_u64(d) : dice_below(d, 1000)); break;
	case TTLV_BOOLEAN: tree_u64(t, parent, tag, type, dice_below(d, 2)); break;
	case TTLV_DATE_TIME: tree_u64(t, parent, tag, type, any_time(d)); break;
	case TTLV_BYTES: put_bytes(t, parent, tag, type, dice_one_in(d, 8) ? dice_below(d, BYTES_MAX) : dice_below(d, 40), d); break;
	case TTLV_BIG_INTEGER: put_bytes(t, parent, tag, type, 8 * (1 + dice_below(d, 4)), d); break;
	case TTLV_STRUCTURE: grammar_value(t, tree_branch(t, parent, tag), TAG_CONTACT_INFORMATION, TTLV_TEXT, d); break;
	default: put_text(t, parent, tag, d); break;
	}
}

void grammar_enum(struct tree *t, uint16_t parent, uint32_t tag, enum kmip_enum which, struct dice *d)
{
	uint32_t v = dice_below(d, 64);
	if (which != ENUM_NONE && !dice_one_in(d, 16)) v = enums[which].values[dice_below(d, (uint32_t)enums[which].count)];
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
		uint32_t count = 0;
		while (usual[i].which == which && count < 6 && usual[i].values[count]) count++;
		if (count && !dice_one_in(d, 6)) v = usual[i].values[dice_below(d, count)];
	}
	tree_u32(t, parent, tag, TTLV_ENUMERATION, v);
}

void grammar_mask(struct tree *t, uint16_t parent, uint32_t tag, struct dice *d)
{
	static const uint32_t masks[] = { 0xc, 0xc, 0x4, 0x8, 0x0, 0xfffff, 0x180, 0x30 };
	tree_u32(t, parent, tag, TTLV_INTEGER, dice_one_in(d, 4) ? (uint32_t)dice_u64(d) & 0xffffff : masks[dice_below(d, 8)]);
}

void grammar_small(struct tree *t, uint16_t parent, uint32_t tag, struct dice *d)
{
	static const uint32_t sizes[] = { 128, 256, 192, 96, 12, 16, 32, 64, 1024, 4096, 65536 };
	uint32_t v = dice_one_in(d, 2) ? dice_below(d, 6) : sizes[dice_below(d, sizeof sizes / sizeof sizes[0])];
	tree_u32(t, parent, tag, TTLV_INTEGER, dice_one_in(d, 8) ? any_int(d) : v);
}

void grammar_blocks(struct tree *t, uint16_t parent, uint32_t tag, uint32_t blocks, struct dice *d)
{
	put_bytes(t, parent, tag, TTLV_BYTES, 16 * blocks, d);
}

void grammar_bytes(struct tree *t, uint16_t parent, uint32_t tag, enum grammar_lengths lengths, struct dice *d)
{
	static const uint32_t cipher[] = { 0, 8, 12, 16, 16, 32, 48, 15, 17, 1000 }, key[] = { 16, 24, 32, 32, 32, 0, 64, 33, 8, 256 };
	put_bytes(t, parent, tag, TTLV_BYTES, (lengths == GRAMMAR_KEY_LENGTHS ? key : cipher)[dice_below(d, 10)], d);
}

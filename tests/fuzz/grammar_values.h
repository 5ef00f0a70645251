/* Random values of fields, by type and by enumeration. Part of the grammar. */
#ifndef COFFER_TESTS_FUZZ_GRAMMAR_VALUES_H
#define COFFER_TESTS_FUZZ_GRAMMAR_VALUES_H

#include "fuzz/grammar_rules.h"
#include "fuzz/tree.h"
#include "kmip/enums.h"

/* The type of a plain rule; not for those that grammar.c fills itself. */
enum ttlv_type grammar_type_of(enum rule_kind kind);
/* The enumeration that a field with this tag holds. */
enum kmip_enum grammar_enum_of(uint32_t tag);
/* Each puts one leaf below parent. A value of a type that is no structure: */
void grammar_value(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, struct dice *d);
/* Mostly a usual value of the enumeration, sometimes another listed one, seldom one that is not. */
void grammar_enum(struct tree *t, uint16_t parent, uint32_t tag, enum kmip_enum which, struct dice *d);
void grammar_mask(struct tree *t, uint16_t parent, uint32_t tag, struct dice *d);
/* An Integer as sizes and counts are. */
void grammar_small(struct tree *t, uint16_t parent, uint32_t tag, struct dice *d);
/* Bytes: so many blocks of AES. */
void grammar_blocks(struct tree *t, uint16_t parent, uint32_t tag, uint32_t blocks, struct dice *d);
enum grammar_lengths { GRAMMAR_CIPHER_LENGTHS, GRAMMAR_KEY_LENGTHS };
void grammar_bytes(struct tree *t, uint16_t parent, uint32_t tag, enum grammar_lengths lengths, struct dice *d);

#endif

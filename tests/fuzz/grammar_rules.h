/* The fields of request payloads, in their order (KMIP 1.4 sections 4 and 2.1; docs/kmip.md for the vendor operations). */
#ifndef COFFER_TESTS_FUZZ_GRAMMAR_RULES_H
#define COFFER_TESTS_FUZZ_GRAMMAR_RULES_H

#include <stdint.h>

/* What is written as the value of a field. */
enum rule_kind {
	RULE_END,
	RULE_STRUCT,       /* the fields of .children */
	RULE_CHOICE,       /* one of .children, without a structure around it */
	RULE_IN_A_ROW,     /* all of .children, without a structure around them */
	RULE_TEXT, RULE_BYTES, RULE_INT, RULE_SMALL, RULE_LONG, RULE_BOOL, RULE_TIME, RULE_INTERVAL, RULE_BIGINT,
	RULE_ENUM,         /* a value of the enumeration of the tag */
	RULE_MASK,         /* a usage mask */
	RULE_ID, RULE_NAME, RULE_GROUP, RULE_PRINCIPAL, RULE_ROLE, /* texts of struct grammar_known */
	RULE_SEALED, RULE_HEADER, RULE_SEGMENT, RULE_SHARE,
	RULE_DATA,         /* bytes of a length that ciphers like */
	RULE_BLOCK, RULE_TWO_BLOCKS, RULE_BLOCKS, /* bytes: one block of AES, two, some */
	RULE_KEY,          /* bytes as long as a key */
	RULE_FIXED, RULE_FIXED_INT, /* Enumeration, Integer: .value */
	RULE_MASK_ATTRIBUTE, /* the usage mask of an AES key */
	RULE_HANDLE,       /* of a stream that may be open */
	RULE_ATTRIBUTE, RULE_ATTRIBUTE_NAME,
	RULE_NEW_ATTRIBUTE, /* one that a client may set */
	RULE_WANTED        /* the attributes that a new key needs */
};

struct rule {
	uint32_t tag;
	enum rule_kind kind;
	uint8_t chance;                /* of 8, that it is there; 0: one in 24 */
	uint8_t most;                  /* how often in a row */
	const struct rule *children;
	uint32_t value;
};

/* NULL: nothing is known about it. Ends with RULE_END. */
const struct rule *grammar_payload_rules(uint32_t operation);
/* The fields of a structured attribute value, by the attribute's tag. */
const struct rule *grammar_value_rules(uint32_t tag);

#endif

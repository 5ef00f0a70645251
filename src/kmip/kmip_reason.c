/* Errors and KMIP Result Reasons. */
#include "kmip/kmip_reason.h"

#include "kmip/enums.h"

uint32_t kmip_reason_of(enum coffer_err err)
{
	static const uint32_t reasons[ERR_COUNT] = {
#define REASON(error, reason) [ERR_##error] = RESULT_REASON_##reason,
#include "kmip/reason.def"
#undef REASON
	};
	if (err <= ERR_OK || err >= ERR_COUNT || reasons[err] == 0) return RESULT_REASON_GENERAL_FAILURE;
	return reasons[err];
}

uint32_t kmip_reason_known(uint32_t result_reason, uint32_t minor)
{
	static const struct { uint32_t reason, since_minor, before; } younger[] = {
		{ RESULT_REASON_ENCODING_OPTION_ERROR, 1, RESULT_REASON_INVALID_FIELD },
		{ RESULT_REASON_KEY_VALUE_NOT_PRESENT, 2, RESULT_REASON_ILLEGAL_OPERATION },
		{ RESULT_REASON_ATTESTATION_REQUIRED, 2, RESULT_REASON_PERMISSION_DENIED },
		{ RESULT_REASON_ATTESTATION_FAILED, 2, RESULT_REASON_PERMISSION_DENIED },
		{ RESULT_REASON_SENSITIVE, 4, RESULT_REASON_PERMISSION_DENIED },
		{ RESULT_REASON_NOT_EXTRACTABLE, 4, RESULT_REASON_PERMISSION_DENIED },
		{ RESULT_REASON_OBJECT_ALREADY_EXISTS, 4, RESULT_REASON_INVALID_FIELD },
	};
	for (size_t i = 0; i < sizeof younger / sizeof younger[0]; i++)
		if (younger[i].reason == result_reason && minor < younger[i].since_minor) return younger[i].before;
	return result_reason;
}

enum coffer_err kmip_reason_err(uint32_t result_reason)
{
	switch (result_reason) {
	case RESULT_REASON_ITEM_NOT_FOUND: return ERR_NOT_FOUND;
	case RESULT_REASON_RESPONSE_TOO_LARGE: return ERR_TOO_LARGE;
	case RESULT_REASON_AUTHENTICATION_NOT_SUCCESSFUL: return ERR_AUTH;
	case RESULT_REASON_INVALID_MESSAGE: return ERR_INPUT;
	case RESULT_REASON_MISSING_DATA: return ERR_MISSING;
	case RESULT_REASON_INVALID_FIELD: return ERR_FIELD;
	case RESULT_REASON_OPERATION_NOT_SUPPORTED:
	case RESULT_REASON_FEATURE_NOT_SUPPORTED:
	case RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED:
	case RESULT_REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED: return ERR_UNSUPPORTED;
	case RESULT_REASON_CRYPTOGRAPHIC_FAILURE: return ERR_CRYPTO;
	case RESULT_REASON_ILLEGAL_OPERATION: return ERR_STATE;
	case RESULT_REASON_OBJECT_ARCHIVED: return ERR_ARCHIVED;
	case RESULT_REASON_PERMISSION_DENIED: return ERR_DENIED;
	case RESULT_REASON_OBJECT_ALREADY_EXISTS: return ERR_EXISTS;
	case RESULT_REASON_INDEX_OUT_OF_BOUNDS: return ERR_LIMIT;
	default: return ERR_IO;
	}
}

enum coffer_err kmip_reason_by_name(struct view name)
{
	for (int err = ERR_OK + 1; err < ERR_COUNT; err++)
		if (view_equal_str(name, err_name((enum coffer_err)err))) return (enum coffer_err)err;
	return ERR_OK;
}

/* enum coffer_err to KMIP Result Reason (KMIP 1.4 sections 6.10, 9.1.3.2.29, 11) and back. */
#ifndef COFFER_KMIP_KMIP_REASON_H
#define COFFER_KMIP_KMIP_REASON_H

#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

/* A value of enum kmip_result_reason of KMIP 1.4; General Failure when there is no better one. Not for ERR_OK. */
uint32_t kmip_reason_of(enum coffer_err err);
/* The Result Reason as KMIP 1.`minor` knows it: itself, or the older one that says it best. */
uint32_t kmip_reason_known(uint32_t result_reason, uint32_t minor);
/* For a client: the nearest error of a Result Reason, when the answer does not carry the error's own name. Never
 * ERR_OK. */
enum coffer_err kmip_reason_err(uint32_t result_reason);
/* The error with this name of base/err.def ("SEALED"); ERR_OK when there is none. */
enum coffer_err kmip_reason_by_name(struct view name);

#endif

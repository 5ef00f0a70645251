/* Reading object attributes with bounded buffers. An attribute that the token does not have reads as false, 0 or empty. */
#ifndef COFFER_HSM_ATTR_H
#define COFFER_HSM_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "hsm/p11.h"
#include "hsm/session.h"

/* A template row over a variable. */
#define HSM_ATTR(type, var) { (type), &(var), sizeof(var) }

enum coffer_err hsm_attr_flag(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool *out,
	struct reason *reason) MUST_USE;
enum coffer_err hsm_attr_ulong(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *out,
	struct reason *reason) MUST_USE;
/* At most cap bytes; ERR_TOO_LARGE when the token has more. */
enum coffer_err hsm_attr_bytes(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
	size_t cap, size_t *out_len, struct reason *reason) MUST_USE;

#endif

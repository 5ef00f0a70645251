/* Slot selection by the URI's token attributes. */
#include "hsm/slot.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "hsm/p11_err.h"

void hsm_slot_text(const unsigned char *field, size_t len, char *out, size_t cap)
{
	while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == '\0')) len--;
	text_printable(view_of(field, len), out, cap);
}

static void note_token(const CK_TOKEN_INFO *info, char *names, size_t cap)
{
	char label[33], serial[17];
	hsm_slot_text(info->label, sizeof info->label, label, sizeof label);
	hsm_slot_text(info->serialNumber, sizeof info->serialNumber, serial, sizeof serial);
	size_t at = strlen(names);
	(void)snprintf(names + at, cap - at, "%s'%s' (serial %s)", at ? ", " : "", label, serial);
}

static enum coffer_err list_slots(CK_FUNCTION_LIST *fn, CK_SLOT_ID *slots, CK_ULONG *out_count, struct reason *reason)
{
	CK_ULONG n = 0;
	/* The first call with NULL makes a module look for new tokens (PKCS#11 2.40, 5.5). */
	TRY(hsm_err_fail(reason, "C_GetSlotList", fn->C_GetSlotList(CK_TRUE, NULL, &n)));
	n = HSM_SLOTS_MAX;
	TRY(hsm_err_fail(reason, "C_GetSlotList", fn->C_GetSlotList(CK_TRUE, slots, &n)));
	if (n > HSM_SLOTS_MAX) return reason_fail(reason, ERR_TOKEN, "C_GetSlotList: the module returns a wrong count");
	*out_count = n;
	return ERR_OK;
}

enum coffer_err hsm_slot_find(CK_FUNCTION_LIST *fn, const struct hsm_uri *uri, CK_SLOT_ID *out_slot,
	CK_TOKEN_INFO *out_info, struct reason *reason)
{
	CK_SLOT_ID slots[HSM_SLOTS_MAX];
	CK_ULONG count = 0;
	TRY(list_slots(fn, slots, &count, reason));
	char seen[200] = "", matching[200] = "";
	unsigned matches = 0;
	CK_SLOT_ID slot = 0;
	CK_TOKEN_INFO found = { 0 };
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO info = { 0 };
		if (fn->C_GetTokenInfo(slots[i], &info) != CKR_OK) continue; /* a stranger's broken reader is not our fault */
		if (!(info.flags & CKF_TOKEN_INITIALIZED)) continue;
		note_token(&info, seen, sizeof seen);
		if (!hsm_uri_match(uri, slots[i], &info)) continue;
		note_token(&info, matching, sizeof matching);
		matches++;
		slot = slots[i];
		found = info;
	}
	if (matches == 0) {
		return reason_fail(reason, ERR_TOKEN_GONE, "no token matches the token URI; the module shows %s",
			seen[0] ? seen : "none");
	}
	if (matches > 1) {
		return reason_fail(reason, ERR_USAGE, "several tokens match the token URI: %s; add ;serial=… to it", matching);
	}
	*out_slot = slot;
	*out_info = found;
	return ERR_OK;
}

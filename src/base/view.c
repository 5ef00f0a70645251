/* Borrowed runs of bytes: making and comparing them. */
#include "base/view.h"

#include <stdlib.h>
#include <string.h>

struct view view_str(const char *s)
{
	return view_of(s, strlen(s));
}

bool view_equal(struct view a, struct view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool view_equal_str(struct view a, const char *s)
{
	return view_equal(a, view_str(s));
}

uint8_t *view_copy(struct view v)
{
	uint8_t *copy = malloc(v.len ? v.len : 1);
	if (copy && v.len) memcpy(copy, v.ptr, v.len);
	return copy;
}

/* A borrowed run of bytes. */
#ifndef COFFER_BASE_VIEW_H
#define COFFER_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
	const uint8_t *ptr; /* may be NULL when len is 0 */
	size_t len;         /* bytes */
};

static inline struct view view_of(const void *ptr, size_t len)
{
	return (struct view){ (const uint8_t *)ptr, len };
}
/* A view of a NUL-terminated string without its NUL; s is not NULL. */
struct view view_str(const char *s);
/* Not constant time: never for secrets (use ct_equal). */
bool view_equal(struct view a, struct view b);
bool view_equal_str(struct view a, const char *s);
/* A copy on the heap: never for secrets. At least one byte, so NULL only when memory is short. Caller frees. */
uint8_t *view_copy(struct view v);

#endif

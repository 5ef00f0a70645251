/* Where in its token a URI puts the master secret. */
#include "token/place.h"

#include <stdio.h>
#include <string.h>

#include "token/token.h"

const char *token_place_id(const char *uri)
{
	const char *query = strchr(uri, '?');
	const char *at = strstr(uri, "id=");
	while (at && at > uri && at[-1] != ';' && at[-1] != ':') at = strstr(at + 3, "id=");
	return at && query && at > query ? NULL : at;
}

/* Without handle or id, and without the separator before it. */
static void cut_place(const char *uri, char out[static TOKEN_URI_MAX + 1])
{
	bool is_tpm = strncmp(uri, "tpm2:", 5) == 0;
	const char *at = is_tpm ? strstr(uri, "handle=") : token_place_id(uri);
	size_t before = at ? (size_t)(at - uri) : strlen(uri), end = at ? before + strcspn(at, is_tpm ? "&" : ";?") : before;
	char first = at ? uri[before - 1] : '\0';
	if (first == '?' || first == '&' || first == ';') before--;
	int len = snprintf(out, TOKEN_URI_MAX + 1, "%.*s%s", (int)before, uri, uri + end);
	if (len < 0 || !at) return;
	if (first == '?' && out[before] == '&') out[before] = '?';
	if (first == ':' && out[before] == ';') memmove(out + before, out + before + 1, strlen(out + before));
}

bool token_place_same_token(const char *a, const char *b)
{
	char cut_a[TOKEN_URI_MAX + 1], cut_b[TOKEN_URI_MAX + 1];
	cut_place(a, cut_a);
	cut_place(b, cut_b);
	return strcmp(cut_a, cut_b) == 0;
}

/* Listed endorsement certificates. */
#include "client/admin_trust.h"

#include <string.h>

#include "client/admin_node.h"
#include "client/call.h"
#include "crypto/certificate.h"

#define NAME_LIMIT 256u

enum coffer_err admin_ek_digest(struct view file, unsigned char out[static ADMIN_TRUST_DIGEST_LEN])
{
	AUTO_BUF struct buf der = BUF_EMPTY;
	TRY(certificate_of_file(file, &der));
	TRY(certificate_check(buf_view(&der)));
	return hash_sha256(buf_view(&der), out);
}

enum coffer_status admin_trust_ek(struct coffer *c, const unsigned char digest[static ADMIN_TRUST_DIGEST_LEN], const char *name, char *text, size_t cap, size_t *out_len)
{
	struct call call;
	if (name && strlen(name) > NAME_LIMIT) return conn_refuse(c, COFFER_EINVAL, "a certificate's name has at most 64 bytes");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_NODE_TRUST, 1024);
	if (st) return st;
	ttlv_put_bytes(&call.w, TAG_COFFER_CERTIFICATE_DIGEST, view_of(digest, ADMIN_TRUST_DIGEST_LEN));
	if (name) ttlv_put_str(&call.w, TAG_COFFER_CERTIFICATE_NAME, name);
	return call_end_json(&call, text, cap, out_len);
}

enum coffer_status admin_trusted_eks(struct coffer *c, char *text, size_t cap, size_t *out_len)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_NODE_TRUSTED, 64);
	return st ? st : call_end_json(&call, text, cap, out_len);
}

enum coffer_status admin_untrust_ek(struct coffer *c, const char *name_or_digest, char *name, size_t cap)
{
	return admin_node_end_named(c, OPERATION_COFFER_NODE_UNTRUST, TAG_COFFER_CERTIFICATE_NAME, name_or_digest, name, cap);
}

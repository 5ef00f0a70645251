/* X.509 certificates of TPM endorsement keys, as far as Coffer looks into one: where it ends, which certificate it is, and the public key in it. Who issued it is never asked. Any thread. */
#ifndef COFFER_CRYPTO_CERTIFICATE_H
#define COFFER_CRYPTO_CERTIFICATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"
#include "crypto/hash.h"

#define CERTIFICATE_MAX 1600u /* bytes of DER */

/* A certificate's DER at the beginning of bytes that may go on behind it (a TPM's memory is as long as its maker likes). ERR_CORRUPT: none begins there, or it has no end; ERR_TOO_LARGE. */
enum coffer_err certificate_cut(struct view bytes, struct view *out) MUST_USE;
/* A certificate in PEM, or else in DER: appends its DER to *out. ERR_CORRUPT, ERR_TOO_LARGE. */
enum coffer_err certificate_of_file(struct view bytes, struct buf *out) MUST_USE;
/* Whether credential_make takes it: ERR_CORRUPT: no certificate, or more than one; ERR_UNSUPPORTED: a key of another kind. */
enum coffer_err certificate_check(struct view der) MUST_USE;

#endif

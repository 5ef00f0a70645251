/* Endorsement certificates of a test's own: self-signed, of a fresh key that nobody keeps; and what a TPM with it would say. */
#ifndef COFFER_TESTS_DOMAIN_EK_H
#define COFFER_TESTS_DOMAIN_EK_H

#include "domain/endorsement.h"

/* Appends the DER of a certificate of a key on this curve ("P-256"), or of RSA with 2048 bits where group is "RSA". */
void ek_certificate(const char *group, struct buf *out);
/* Appends the public area of the transport key with this point. */
void ek_area(const uint8_t point[static HPKE_PUBLIC_LEN], struct buf *out);
/* What the challenge of a request hides, by the newest generation of the ring: nobody but a TPM and the domain knows it. */
void ek_secret(struct ring *ring, const uint8_t digest[static ADMISSION_DIGEST_LEN], struct secret **out);

#endif

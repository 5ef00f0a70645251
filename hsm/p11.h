/* The PKCS#11 headers as p11-kit ships them, and the few constants of PKCS#11 3.0 that they lack. Include it after every
 * other header: p11-kit maps plain words (reserved, iv_ptr, hash_alg …) by macros. */
#ifndef COFFER_HSM_P11_H
#define COFFER_HSM_P11_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#ifndef CKM_AES_KEY_WRAP_KWP
#define CKM_AES_KEY_WRAP_KWP 0x210bUL /* PKCS#11 3.0: RFC 5649 */
#endif

#define HSM_ID_MAX 64u       /* bytes of a CKA_ID that is accepted */
#define HSM_LABEL_MAX 64u    /* bytes of a CKA_LABEL that is accepted */
#define HSM_TMP_LABEL "coffer-tmp" /* CKA_LABEL of every short-lived object that Coffer makes */

#endif

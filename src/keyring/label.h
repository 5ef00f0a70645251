/* T(label) of docs/formats.md section 1: what every signed, MACed or hashed message begins with. */
#ifndef COFFER_KEYRING_LABEL_H
#define COFFER_KEYRING_LABEL_H

#include "base/writer.h"

#define LABEL_PREFIX "coffer v1 "
#define LABEL_MAX 32u /* bytes of a label without the prefix */

/* Writes length u8 | "coffer v1 " | label. label: our own constant, at most LABEL_MAX bytes. */
void label_write(struct writer *w, const char *label);

#endif

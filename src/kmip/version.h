/* Protocol versions (KMIP 1.4 sections 4.26, 6.1, 11.1). */
#ifndef COFFER_KMIP_VERSION_H
#define COFFER_KMIP_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/writer.h"
#include "ttlv/ttlv.h"

struct kmip_version { uint32_t major, minor; };

#define KMIP_VERSION_HIGHEST ((struct kmip_version){ 1, 4 })

/* The versions spoken here, in decreasing order of preference: 1.4, 1.3, 1.2, 1.1, 1.0. */
const struct kmip_version *kmip_versions(size_t *out_count);
bool kmip_version_known(struct kmip_version v);
/* The version to speak with a peer that sent `sent`: itself when known; 1.4 for a newer minor version of 1 (its
 * unknown fields are ignored, section 11.1); ERR_VERSION for another major version. */
enum coffer_err kmip_version_choose(struct kmip_version sent, struct kmip_version *out) MUST_USE;
/* One Protocol Version structure. ERR_INPUT also for negative numbers. */
enum coffer_err kmip_version_parse(const struct ttlv_item *item, struct kmip_version *out) MUST_USE;
void kmip_version_put(struct writer *w, struct kmip_version v);

#endif

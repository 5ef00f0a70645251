/* Calls that change the data key and the master secret. Conventions of admin.h. */
#ifndef COFFER_CLIENT_ADMIN_ROTATE_H
#define COFFER_CLIENT_ADMIN_ROTATE_H

#include "client/include/coffer.h"

/* *out_generation = the new one, which is in force; records are sealed again in the background (coffer_status_json, "rotation"). */
enum coffer_status admin_rotate_data_key(struct coffer *c, uint32_t *out_generation);

#endif

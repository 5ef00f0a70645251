/* Calls about who is master server. Conventions of admin.h. */
#ifndef COFFER_CLIENT_ADMIN_LEAD_H
#define COFFER_CLIENT_ADMIN_LEAD_H

#include "client/include/coffer.h"

/* This node is to take the lease; whether it did stands in the status ("lead"). */
enum coffer_status admin_promote(struct coffer *c);
/* This node gives it back. */
enum coffer_status admin_step_down(struct coffer *c);

#endif

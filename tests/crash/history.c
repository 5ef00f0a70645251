/* The acknowledged history. */
#include "crash/history.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash/node.h"
#include "crypto/hash.h"

static void digest(uint64_t seed, const char *what, unsigned number, uint8_t out[static HASH_SHA256_LEN])
{
	char text[64];
	int len = snprintf(text, sizeof text, "%llu %s %u", (unsigned long long)seed, what, number);
	if (hash_sha256(view_of(text, (size_t)len), out) != ERR_OK) node_die("no SHA-256");
}

void step_material(uint64_t seed, unsigned number, uint8_t out[static STEP_MATERIAL_LEN])
{
	digest(seed, "material", number, out);
}

void step_request_id(uint64_t seed, unsigned number, uint8_t out[static 16])
{
	uint8_t bytes[HASH_SHA256_LEN];
	digest(seed, "request", number, bytes);
	memcpy(out, bytes, 16);
}

void step_name(unsigned number, char out[static 32])
{
	snprintf(out, 32, "key-%u", number);
}

void step_principal(unsigned number, char out[static 32])
{
	snprintf(out, 32, "unix:%u", 50000 + number);
}

struct known *history_find(struct history *h, const char *id)
{
	for (size_t i = 0; i < h->count; i++)
		if (strcmp(h->objects[i].id, id) == 0) return &h->objects[i];
	return NULL;
}

static void add(struct history *h, const struct step *step, const char *id)
{
	if (h->count == HISTORY_MAX) node_die("the history is full");
	struct known *k = &h->objects[h->count++];
	*k = (struct known){ .made_by = step->number, .registered = step->kind == STEP_REGISTER, .named = true, .state = KNOWN_ACTIVE };
	snprintf(k->id, sizeof k->id, "%s", id);
}

static void apply(struct history *h, const struct step *step, const char *id)
{
	struct known *target = step->target[0] ? history_find(h, step->target) : NULL;
	if (step->target[0] && !target) node_die("step %u is about an object that nobody made", step->number);
	switch (step->kind) {
	case STEP_REKEY:
		target->named = false;
		add(h, step, id);
		break;
	case STEP_CREATE:
	case STEP_REGISTER: add(h, step, id); break;
	case STEP_REVOKE: target->state = KNOWN_DEACTIVATED; break;
	case STEP_DESTROY: target->state = KNOWN_DESTROYED; break;
	case STEP_UNGRANT: h->ungranted++; break;
	case STEP_GRANT:
		if (h->grants == HISTORY_MAX) node_die("the history is full");
		h->granted[h->grants++] = step->number;
		break;
	}
	h->done++;
}

static bool read_line(struct history *h, FILE *f)
{
	char line[160], kind, target[UUID_TEXT_LEN + 1], id[UUID_TEXT_LEN + 1];
	unsigned number;
	if (!fgets(line, sizeof line, f) || !strchr(line, '\n')) return false;
	if (sscanf(line, "%u %c %36s %36s", &number, &kind, target, id) != 4 || number != h->done) node_die("the acknowledgements are damaged");
	struct step step = { .kind = (enum step_kind)kind, .number = number };
	if (strcmp(target, "-") != 0) memcpy(step.target, target, sizeof target);
	apply(h, &step, id);
	return true;
}

void history_begin(struct history *h, uint64_t seed)
{
	h->seed = seed;
	h->done = h->grants = h->ungranted = 0;
	h->count = 0;
	h->fd = -1;
	h->on_ack = NULL;
}

void history_open(struct history *h, const char *folder, uint64_t seed)
{
	char path[4096];
	history_begin(h, seed);
	snprintf(path, sizeof path, "%s/acks", folder);
	FILE *f = fopen(path, "re");
	long whole = 0;
	while (f && read_line(h, f)) whole = ftell(f);
	if (f) fclose(f);
	h->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (h->fd < 0 || ftruncate(h->fd, whole) != 0 || lseek(h->fd, whole, SEEK_SET) != whole) node_die("cannot write %s", path);
}

void history_ack(struct history *h, const struct step *step, const char *id)
{
	char line[160];
	int len = snprintf(line, sizeof line, "%u %c %s %s\n", step->number, (int)step->kind, step->target[0] ? step->target : "-", id[0] ? id : "-");
	if (h->fd >= 0 && write(h->fd, line, (size_t)len) != len) node_die("cannot write the acknowledgement");
	apply(h, step, id);
	if (h->on_ack) h->on_ack(h->on_ack_arg, step, id);
}

/* The n-th object, from a place that the dice choose on, that fits. */
static const struct known *pick(const struct history *h, uint64_t dice, int state, bool named)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct known *k = &h->objects[(dice + i) % h->count];
		if ((int)k->state == state && (!named || k->named)) return k;
	}
	return NULL;
}

void history_next(const struct history *h, struct step *out)
{
	uint8_t dice[HASH_SHA256_LEN];
	uint64_t where;
	const struct known *k = NULL;
	digest(h->seed, "step", h->done, dice);
	memcpy(&where, dice + 8, sizeof where);
	*out = (struct step){ .kind = STEP_CREATE, .number = h->done, .grant = h->done };
	switch (dice[0] % 8) {
	case 0: out->kind = STEP_REGISTER; return;
	case 1:
		out->kind = dice[1] % 2 && h->ungranted < h->grants ? STEP_UNGRANT : STEP_GRANT;
		if (out->kind == STEP_UNGRANT) out->grant = h->granted[h->ungranted];
		return;
	case 2:
	case 3: out->kind = STEP_REKEY; k = pick(h, where, KNOWN_ACTIVE, true); break;
	case 4:
	case 5: out->kind = STEP_REVOKE; k = pick(h, where, KNOWN_ACTIVE, false); break;
	case 6: out->kind = STEP_DESTROY; k = pick(h, where, KNOWN_DEACTIVATED, false); break;
	default: return;
	}
	if (k) memcpy(out->target, k->id, sizeof k->id);
	else out->kind = STEP_CREATE;
}

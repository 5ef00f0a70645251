/* Making a store with rows everywhere, and judging what became of it. */
#include "unit/ops/damage.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "keyring/generation.h"
#include "keyring/rooted_store.h"
#include "keyring/slot.h"
#include "kmip/enums.h"
#include "objects/names.h"
#include "ops/request_record.h"
#include "ops/store_check.h"
#include "recovery/recovery.h"

#define CHECK(err) assert_int_equal((err), ERR_OK)

enum coffer_err damage_open(struct damage *d, struct reason *reason)
{
	struct engine *e = &d->engine;
	struct store *inner;
	struct root_mark *mark;
	memset(e, 0, sizeof *e);
	e->config = &d->config;
	TRY(store_open_sqlite(d->db, &inner, reason));
	CHECK(rooted_store_new(inner, &e->store));
	CHECK(root_mark_open(d->mark, &mark, reason));
	rooted_store_set_mark(e->store, mark);
	e->objects = object_table_new(1024);
	e->txn = txn_new(e->store, e->objects);
	e->check = store_check_new();
	assert_true(e->objects && e->txn && e->check);
	enum coffer_err err = rooted_store_attach(e->store, d->ring, reason);
	if (err) {
		damage_close(d);
		return err;
	}
	txn_set_ring(e->txn, d->ring);
	return ERR_OK;
}

void damage_close(struct damage *d)
{
	struct engine *e = &d->engine;
	audit_chain_free(e->audit);
	txn_free(e->txn);
	object_table_free(e->objects);
	store_check_free(e->check);
	store_close(e->store);
}

static void put_slot(struct damage *d, uint32_t version)
{
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .version = version };
	struct token_binding binding;
	uint8_t check[32], signature[DOMAIN_SIGNATURE_LEN];
	const struct secret *key;
	fixture_binding(&binding);
	CHECK(ring_data_key(d->ring, 1, &key));
	CHECK(ring_key_check(ring_domain(d->ring), 1, key, check));
	CHECK(generation_sign(d->seed, ring_domain(d->ring), 1, check, signature));
	CHECK(slot_make(d->ring, 1, "tpm2", &binding, view_str("a wrapped data key"), signature, version, &row, &header, &body));
	CHECK(store_put(d->engine.store, STORE_SLOT, &row, true));
}

/* A stanza that was replaced, as earlier programs left it: two rows, so that their parts can be exchanged. */
static void put_superseded(struct damage *d)
{
	AUTO_BUF struct buf body = BUF_EMPTY, signed_body = BUF_EMPTY;
	struct buf texts[2] = { BUF_EMPTY, BUF_EMPTY };
	struct store_row row = { .version = 0 };
	struct stanza stanza;
	CHECK(recovery_new_shares(d->ring, d->seed, 2, 2, &row, &body, texts, NULL));
	CHECK(stanza_parse(&row, &stanza, NULL));
	CHECK(stanza_sign(ring_domain(d->ring), d->seed, &stanza, 2, STANZA_SUPERSEDED, &row, &signed_body));
	CHECK(store_put(d->engine.store, STORE_RECOVERY, &row, false));
	buf_free(&texts[0]);
	buf_free(&texts[1]);
}

static void put_recovery(struct damage *d)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct buf texts[2] = { BUF_EMPTY, BUF_EMPTY };
	struct store_row row = { .version = 0 };
	CHECK(recovery_new_shares(d->ring, d->seed, 2, 2, &row, &body, texts, NULL));
	CHECK(recovery_put(d->engine.store, d->ring, d->seed, &row, NULL));
	buf_free(&texts[0]);
	buf_free(&texts[1]);
}

/* Nothing writes node rows yet: sealed as they will be. */
static void put_node(struct damage *d, uint32_t version)
{
	static const uint8_t header[] = { 1 };
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .id_len = UUID_LEN, .version = version, .state = 2, .header = view_of(header, 1) };
	rising(0x10, row.id, UUID_LEN);
	CHECK(record_seal(d->ring, STORE_NODE, view_str("this node"), &row, &body));
	CHECK(store_put(d->engine.store, STORE_NODE, &row, true));
}

static void put_request(struct damage *d, uint8_t number, const char *answer)
{
	struct principal p;
	uint8_t id[KMIP_REQUEST_ID_LEN], digest[32];
	principal_from_uid(1000, 1, &p);
	rising(number, id, sizeof id);
	rising(number, digest, sizeof digest);
	CHECK(request_record_put(d->engine.txn, &d->engine.request_records, &p, id, digest, view_str(answer)));
}

static void add_grant(struct damage *d, struct grants **grants, const char *principal, enum role role)
{
	struct grant grant = { .role = role };
	struct grants *next;
	snprintf(grant.principal, sizeof grant.principal, "%s", principal);
	snprintf(grant.granted_by, sizeof grant.granted_by, "unix:0");
	CHECK(grants_add(d->engine.txn, *grants, &grant, &next, NULL));
	grants_unref(*grants);
	*grants = next;
}

static void note(struct damage *d, const char *text)
{
	const struct audit_event event = { .principal = view_str("unix:1000"), .operation = OPERATION_CREATE, .details = view_str(text) };
	if (!d->engine.audit) CHECK(audit_chain_open(d->engine.txn, &d->engine.audit, NULL));
	CHECK(audit_append(d->engine.audit, d->engine.txn, &event));
}

static uint8_t material_of(size_t key)
{
	return (uint8_t)(0x80 + key);
}

static void make_key(struct damage *d, size_t number)
{
	char name[32], owner[32];
	struct secret *material = rising_secret(material_of(number), 32);
	snprintf(owner, sizeof owner, "unix:%zu", 1000 + number % 3);
	snprintf(name, sizeof name, "key-%zu", number);
	AUTO_OBJECT struct object *o = object_new(OBJECT_TYPE_SYMMETRIC_KEY, owner);
	assert_non_null(o);
	o->algorithm = CRYPTOGRAPHIC_ALGORITHM_AES;
	o->length_bits = 256;
	o->usage_mask = CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT;
	o->key_format = KEY_FORMAT_TYPE_RAW;
	o->state = OBJECT_ACTIVE;
	CHECK(object_set_material(o, ring_domain(d->ring)->id, &material));
	CHECK(names_add(&o->attrs, view_str(name)));
	memcpy(d->ids[number], o->id, UUID_LEN);
	CHECK(txn_create(d->engine.txn, o, NULL));
}

static void move_key(struct damage *d, size_t number, enum object_state state)
{
	AUTO_OBJECT struct object *o = NULL;
	CHECK(txn_object(d->engine.txn, d->ids[number], &o));
	AUTO_OBJECT struct object *next = object_copy(o);
	assert_non_null(next);
	next->state = state;
	if (state == OBJECT_DESTROYED) object_drop_material(next);
	CHECK(txn_update(d->engine.txn, next, NULL));
}

static void fill(struct damage *d)
{
	struct reason why = { "" };
	struct grants *grants = NULL;
	if (damage_open(d, &why) != ERR_OK) fail_msg("%s", why.text);
	CHECK(txn_begin(d->engine.txn, NULL));
	CHECK(grants_load(d->engine.txn, &grants));
	CHECK(generation_put_domain_key(d->engine.store, d->ring, d->seed, ring_domain(d->ring)->public_key));
	put_slot(d, 1);
	put_recovery(d);
	put_node(d, 1);
	add_grant(d, &grants, "unix:0", ROLE_ADMINISTRATOR);
	add_grant(d, &grants, "unix:7", ROLE_KEY_USER);
	add_grant(d, &grants, "unix:8", ROLE_AUDITOR);
	note(d, "init");
	CHECK(txn_commit(d->engine.txn, NULL));
	for (size_t i = 0; i < DAMAGE_KEYS; i++) {
		CHECK(txn_begin(d->engine.txn, NULL));
		make_key(d, i);
		put_request(d, (uint8_t)i, "made");
		note(d, "made a key");
		CHECK(txn_commit(d->engine.txn, NULL));
	}
	grants_unref(grants);
	damage_close(d);
}

void damage_change(struct damage *d)
{
	struct grants *grants = NULL, *fewer = NULL;
	CHECK(damage_open(d, NULL));
	CHECK(txn_begin(d->engine.txn, NULL));
	move_key(d, 1, OBJECT_DEACTIVATED);
	move_key(d, 2, OBJECT_DEACTIVATED);
	move_key(d, 2, OBJECT_DESTROYED);
	CHECK(grants_load(d->engine.txn, &grants));
	CHECK(grants_remove(d->engine.txn, grants, "unix:7", ROLE_KEY_USER, "", &fewer, NULL));
	put_request(d, 3, "made once more");
	CHECK(generation_put_domain_key(d->engine.store, d->ring, d->seed, ring_domain(d->ring)->public_key));
	put_slot(d, 2);
	put_recovery(d);
	put_superseded(d);
	put_node(d, 2);
	note(d, "changed much");
	CHECK(txn_commit(d->engine.txn, NULL));
	grants_unref(grants);
	grants_unref(fewer);
	damage_close(d);
}

int damage_start(void **state)
{
	struct damage *d = calloc(1, sizeof *d);
	if (!d) return -1;
	*state = d;
	snprintf(d->dir, sizeof d->dir, "%s/coffer-damage-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(d->dir)) return -1;
	snprintf(d->db, sizeof d->db, "%s/store.db", d->dir);
	snprintf(d->wal, sizeof d->wal, "%s-wal", d->db);
	snprintf(d->shm, sizeof d->shm, "%s-shm", d->db);
	snprintf(d->mark, sizeof d->mark, "%s/node.root", d->dir);
	d->ring = fixture_ring(1);
	d->seed = fixture_seed();
	fill(d);
	return 0;
}

int damage_stop(void **state)
{
	struct damage *d = *state;
	const char *const paths[] = { d->db, d->wal, d->shm, d->mark };
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) unlink(paths[i]);
	ring_free(d->ring);
	secret_free(d->seed);
	int rc = rmdir(d->dir);
	free(d);
	return rc;
}

/* ---- files ---- */

static bool read_file(const char *path, uint8_t **out, size_t *out_len)
{
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	*out = NULL;
	*out_len = 0;
	if (fd < 0) return false;
	assert_int_equal(fstat(fd, &st), 0);
	*out = malloc((size_t)st.st_size + 1);
	assert_non_null(*out);
	*out_len = (size_t)st.st_size;
	assert_int_equal(read(fd, *out, *out_len), (ssize_t)*out_len);
	return true;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len, bool there)
{
	unlink(path);
	if (!there) return;
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
}

void damage_save(const struct damage *d, struct damage_files *out)
{
	out->db.there = read_file(d->db, &out->db.bytes, &out->db.len);
	out->wal.there = read_file(d->wal, &out->wal.bytes, &out->wal.len);
	out->mark.there = read_file(d->mark, &out->mark.bytes, &out->mark.len);
}

void damage_restore(const struct damage *d, const struct damage_files *files)
{
	unlink(d->shm);
	write_file(d->db, files->db.bytes, files->db.len, files->db.there);
	write_file(d->wal, files->wal.bytes, files->wal.len, files->wal.there);
	write_file(d->mark, files->mark.bytes, files->mark.len, files->mark.there);
}

void damage_files_free(struct damage_files *files)
{
	free(files->db.bytes);
	free(files->wal.bytes);
	free(files->mark.bytes);
}

/* ---- judging ---- */

const char *damage_where_name(enum damage_where where)
{
	static const char *const names[] = { "refused by SQLite or its layer", "found by the root or the mark", "found at start", "found by the scrub",
		"nothing found" };
	return where < FOUND_ENDS ? names[where] : "?";
}

static void add_text(struct damage_verdict *v, const char *text)
{
	size_t used = strlen(v->text);
	snprintf(v->text + used, sizeof v->text - used, "%s\n", text);
}

static void read_keys(struct damage *d, struct damage_verdict *v)
{
	for (size_t i = 0; i < DAMAGE_KEYS; i++) {
		AUTO_OBJECT struct object *o = NULL;
		if (txn_object(d->engine.txn, d->ids[i], &o) != ERR_OK || !o->material) continue;
		struct secret *right = rising_secret(material_of(i), 32);
		if (secret_equal(o->material, right)) v->good_keys++;
		else v->wrong_keys++;
		secret_free(right);
	}
}

static void read_findings(struct engine *e, struct damage_verdict *v)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &text, 65536);
	struct json_out j = { &w, false };
	json_begin(&j, NULL);
	store_check_json(e->check, &j);
	json_end(&j);
	CHECK(writer_done(&w));
	CHECK(buf_append(&text, view_of("", 1)));
	const char *at = strstr((const char *)text.ptr, "\"findings\":");
	assert_non_null(at);
	add_text(v, at);
}

static void judge_open(struct damage *d, struct damage_verdict *v)
{
	struct engine *e = &d->engine;
	struct reason why = { "" };
	v->err = rooted_store_verdict(e->store, &why);
	if (v->err) v->where = FOUND_ROOT;
	else if ((v->err = store_check_start(e, &why)) != ERR_OK) v->where = FOUND_START;
	if (v->err) add_text(v, why.text);
	read_keys(d, v);
	store_check_begin(e);
	for (unsigned i = 0; i < 100000 && !store_check_step(e, 64, 1000); i++) {}
	bool well = store_check_is_well(e->check);
	if (!well) read_findings(e, v);
	if (v->where == FOUND_NOTHING && !well) v->where = FOUND_PASS;
}

/* The log's lines about thousands of faults are kept away from the terminal. */
static int silence(void)
{
	int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	fflush(stderr);
	dup2(null, STDERR_FILENO);
	close(null);
	return kept;
}

void damage_judge(struct damage *d, struct damage_verdict *out)
{
	struct reason why = { "" };
	*out = (struct damage_verdict){ .where = FOUND_NOTHING };
	int kept = silence();
	out->err = damage_open(d, &why);
	if (out->err) {
		out->where = FOUND_OPENING;
		add_text(out, reason_text(&why, out->err));
	} else {
		judge_open(d, out);
		damage_close(d);
	}
	dup2(kept, STDERR_FILENO);
	close(kept);
}

void damage_accept(struct damage *d)
{
	CHECK(damage_open(d, NULL));
	CHECK(txn_begin(d->engine.txn, NULL));
	CHECK(rooted_store_accept(d->engine.store, 1));
	CHECK(txn_commit(d->engine.txn, NULL));
	damage_close(d);
}

/* ---- behind its back ---- */

void damage_sql(const struct damage *d, const char *sql)
{
	sqlite3 *db;
	char *message = NULL;
	assert_int_equal(sqlite3_open(d->db, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", sql, message);
	sqlite3_close(db);
}

static int print_row(void *arg, int count, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < count; i++) fprintf(arg, "%s|", values[i] ? values[i] : "NULL");
	fputc('\n', arg);
	return 0;
}

char *damage_dump(const struct damage *d)
{
	sqlite3 *db;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	assert_non_null(f);
	int rc = sqlite3_open_v2(d->db, &db, SQLITE_OPEN_READWRITE, NULL);
	if (!rc) rc = sqlite3_exec(db, "SELECT tbl, hex(id), version, state, generation, hex(header), hex(idx), hex(body) FROM record ORDER BY tbl, id", print_row,
		f, NULL);
	if (!rc) rc = sqlite3_exec(db, "SELECT tbl, idx, hex(token), hex(id) FROM search ORDER BY tbl, idx, token, id", print_row, f, NULL);
	sqlite3_close(db);
	fclose(f);
	if (!rc) return text;
	free(text);
	return NULL;
}

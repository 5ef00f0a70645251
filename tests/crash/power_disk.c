/* Disks as files by number and names for them. */
#include "crash/power_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash/node.h"

#define PATH_LEN 512

static void *must_realloc(void *p, size_t len)
{
	void *q = realloc(p, len ? len : 1);
	if (!q) node_die("out of memory");
	return q;
}

unsigned power_disk_add(struct power_disk *disk, bool is_dir)
{
	disk->files = must_realloc(disk->files, (disk->file_count + 1) * sizeof *disk->files);
	disk->files[disk->file_count] = (struct power_file){ .is_dir = is_dir };
	return (unsigned)disk->file_count++;
}

static void reserve(struct power_file *f, size_t len)
{
	if (len <= f->cap) return;
	size_t cap = f->cap ? f->cap : 4096;
	while (cap < len) cap *= 2;
	f->bytes = must_realloc(f->bytes, cap);
	memset(f->bytes + f->cap, 0, cap - f->cap);
	f->cap = cap;
}

const struct power_name *power_disk_find(const struct power_disk *disk, unsigned dir, const char *name)
{
	for (size_t i = 0; i < disk->name_count; i++)
		if (disk->names[i].dir == dir && strcmp(disk->names[i].name, name) == 0) return &disk->names[i];
	return NULL;
}

static void unname(struct power_disk *disk, unsigned dir, const char *name)
{
	const struct power_name *found = power_disk_find(disk, dir, name);
	if (found) disk->names[found - disk->names] = disk->names[--disk->name_count];
}

static void give_name(struct power_disk *disk, unsigned dir, const char *name, unsigned node)
{
	unname(disk, dir, name);
	disk->names = must_realloc(disk->names, (disk->name_count + 1) * sizeof *disk->names);
	struct power_name *n = &disk->names[disk->name_count++];
	*n = (struct power_name){ .dir = dir, .node = node };
	snprintf(n->name, sizeof n->name, "%s", name);
}

static void set_len(struct power_file *f, size_t len)
{
	reserve(f, len);
	if (len < f->len) memset(f->bytes + len, 0, f->len - len);
	f->len = len;
}

static bool names_it(const struct power_disk *disk, const struct power_op *op)
{
	const struct power_name *n = power_disk_find(disk, op->dir, op->name);
	return n && n->node == op->node;
}

void power_disk_apply(struct power_disk *disk, const struct power_op *op)
{
	if (op->kind == POWER_MARK || op->kind == POWER_SYNC) return;
	while (disk->file_count <= op->node) power_disk_add(disk, false);
	struct power_file *f = &disk->files[op->node];
	switch (op->kind) {
	case POWER_WRITE:
		if (op->at + op->len > f->len) set_len(f, (size_t)op->at + op->len);
		memcpy(f->bytes + op->at, op->bytes, op->len);
		break;
	case POWER_SIZE: set_len(f, (size_t)op->at); break;
	case POWER_LINK:
		f->is_dir = op->len != 0;
		give_name(disk, op->dir, op->name, op->node);
		break;
	case POWER_UNLINK:
		if (names_it(disk, op)) unname(disk, op->dir, op->name);
		break;
	case POWER_RENAME:
		if (names_it(disk, op)) unname(disk, op->dir, op->name);
		give_name(disk, op->to_dir, op->to_name, op->node);
		break;
	case POWER_SYNC:
	case POWER_MARK: break;
	}
}

void power_disk_copy(struct power_disk *to, const struct power_disk *from)
{
	*to = (struct power_disk){ .file_count = from->file_count, .name_count = from->name_count };
	to->files = must_realloc(NULL, from->file_count * sizeof *to->files);
	to->names = must_realloc(NULL, from->name_count * sizeof *to->names);
	if (from->name_count) memcpy(to->names, from->names, from->name_count * sizeof *to->names);
	for (size_t i = 0; i < from->file_count; i++) {
		to->files[i] = (struct power_file){ .is_dir = from->files[i].is_dir };
		if (!from->files[i].len) continue;
		reserve(&to->files[i], from->files[i].len);
		memcpy(to->files[i].bytes, from->files[i].bytes, from->files[i].len);
		to->files[i].len = from->files[i].len;
	}
}

void power_disk_free(struct power_disk *disk)
{
	for (size_t i = 0; i < disk->file_count; i++) free(disk->files[i].bytes);
	free(disk->files);
	free(disk->names);
	*disk = (struct power_disk){ .files = NULL };
}

static bool is_reached(const struct power_disk *disk, unsigned dir)
{
	if (dir == POWER_ROOT) return true;
	for (size_t i = 0; i < disk->name_count; i++)
		if (disk->names[i].node == dir) return true;
	return false;
}

bool power_disk_same(const struct power_disk *a, const struct power_disk *b)
{
	if (a->name_count != b->name_count) return false;
	for (size_t i = 0; i < a->name_count; i++) {
		const struct power_name *x = &a->names[i], *y = NULL;
		for (size_t k = 0; k < b->name_count && !y; k++)
			if (strcmp(b->names[k].name, x->name) == 0 && (b->names[k].dir == POWER_ROOT) == (x->dir == POWER_ROOT)) y = &b->names[k];
		if (!y) return false;
		const struct power_file *f = &a->files[x->node], *g = &b->files[y->node];
		if (f->is_dir != g->is_dir || f->len != g->len || (f->len && memcmp(f->bytes, g->bytes, f->len) != 0)) return false;
	}
	return true;
}

bool power_disk_holds(const struct power_disk *disk, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < disk->name_count; i++) {
		const struct power_file *f = &disk->files[disk->names[i].node];
		if (f->len && is_reached(disk, disk->names[i].dir) && memmem(f->bytes, f->len, bytes, len)) return true;
	}
	return false;
}

static void read_one(struct power_disk *disk, unsigned dir, const char *folder, const char *name)
{
	char path[PATH_LEN];
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (lstat(path, &st) != 0) node_die("cannot look at %s", path);
	unsigned node = power_disk_add(disk, S_ISDIR(st.st_mode));
	give_name(disk, dir, name, node);
	if (S_ISDIR(st.st_mode)) return;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	set_len(&disk->files[node], (size_t)st.st_size);
	if (fd < 0 || read(fd, disk->files[node].bytes, (size_t)st.st_size) != st.st_size) node_die("cannot read %s", path);
	close(fd);
}

static void read_folder(struct power_disk *disk, unsigned dir, const char *folder)
{
	DIR *d = opendir(folder);
	if (!d) node_die("cannot read %s", folder);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (e->d_name[0] != '.') read_one(disk, dir, folder, e->d_name);
	closedir(d);
}

void power_disk_read(struct power_disk *disk, const char *folder)
{
	*disk = (struct power_disk){ .files = NULL };
	power_disk_add(disk, true);
	read_folder(disk, POWER_ROOT, folder);
	for (size_t i = 0, top = disk->name_count; i < top; i++) {
		char path[PATH_LEN];
		snprintf(path, sizeof path, "%s/%s", folder, disk->names[i].name);
		if (disk->files[disk->names[i].node].is_dir) read_folder(disk, disk->names[i].node, path);
	}
}

static void write_one(const struct power_file *f, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || (f->len && write(fd, f->bytes, f->len) != (ssize_t)f->len)) node_die("cannot write %s", path);
	close(fd);
}

static void write_folder(const struct power_disk *disk, unsigned dir, const char *folder)
{
	if (mkdir(folder, 0700) != 0) node_die("cannot make %s", folder);
	for (size_t i = 0; i < disk->name_count; i++) {
		const struct power_name *n = &disk->names[i];
		char path[PATH_LEN];
		if (n->dir != dir) continue;
		if (snprintf(path, sizeof path, "%s/%s", folder, n->name) >= (int)sizeof path) node_die("a path is too long");
		if (!disk->files[n->node].is_dir) write_one(&disk->files[n->node], path);
		else if (dir == POWER_ROOT) write_folder(disk, n->node, path);
	}
}

void power_disk_write(const struct power_disk *disk, const char *folder)
{
	write_folder(disk, POWER_ROOT, folder);
}

void power_make_place(char out[static 128])
{
	const char *base = getenv("TMPDIR");
	snprintf(out, 128, "%.90s/coffer-power-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(out)) node_die("cannot make a folder below %s", base ? base : "/tmp");
}

void power_remove(const char *folder)
{
	DIR *d = opendir(folder);
	if (!d) return;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[PATH_LEN];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
		if (snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path) continue;
		if (unlink(path) != 0) power_remove(path);
	}
	closedir(d);
	rmdir(folder);
}

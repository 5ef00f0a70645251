/* Fuzzes pcr_file_decode (a file of signed PCR values, whose checksum is made right, so that the fields behind it are reached) and the two readers of
 * PCR lists. The first byte chooses: 0 a file, else text. What is read is written the same. */
#include <string.h>

#include "crypto/hash.h"
#include "fuzz/fuzz.h"
#include "token/pcr_file.h"

#define CHECK_LEN 8u

static void one_file(const uint8_t *data, size_t size)
{
	static struct pcr_file file;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	AUTO_BUF struct buf again = BUF_EMPTY;
	uint8_t digest[HASH_SHA256_LEN];
	if (hash_sha256(view_of(data, size), digest) != ERR_OK) return;
	if (buf_append(&bytes, view_of(data, size)) != ERR_OK || buf_append(&bytes, view_of(digest, CHECK_LEN)) != ERR_OK) return;
	enum coffer_err err = pcr_file_decode(buf_view(&bytes), &file);
	REQUIRE(err == ERR_OK || err == ERR_CORRUPT || err == ERR_VERSION || err == ERR_MEMORY);
	if (err != ERR_OK) return;
	REQUIRE(file.count >= 1 && file.count <= PCR_FILE_ENTRIES && file.selection.mask != 0 && pcr_ref_is_sound(view_str(file.ref)));
	REQUIRE(pcr_file_encode(&file, &again) == ERR_OK && view_equal(buf_view(&bytes), buf_view(&again)));
	(void)!pcr_file_verify(&file);
}

static void one_text(struct view text)
{
	struct pcr_selection selection, back;
	static struct pcr_values values;
	char written[PCR_LIST_TEXT];
	if (pcr_parse_values(text, "fuzz", &values, NULL) == ERR_OK) REQUIRE(values.selection.mask != 0 && values.selection.mask >> PCR_COUNT == 0);
	if (pcr_parse_list(text, "fuzz", &selection, NULL) != ERR_OK) return;
	pcr_list_text(&selection, written);
	REQUIRE(view_equal_str(text, written));
	REQUIRE(pcr_parse_list(view_str(written), "fuzz", &back, NULL) == ERR_OK && pcr_selection_equal(&selection, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_arena();
	if (size < 1) return 0;
	if (data[0] == 0) one_file(data + 1, size - 1);
	else one_text(view_of(data + 1, size - 1));
	return 0;
}

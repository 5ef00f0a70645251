#!/bin/bash
# Each check can fail: a small tree on which all pass, and one planted violation at a time that its check must name.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lint-selftest.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
good=$scratch/good
bad=$scratch/bad
tried=0
wrong=0

make_good() {
  mkdir -p "$good"/{src/{base,crypto,store,config,cli,client/include,access,kmip,ops},hsm,tpm,tests,scripts,docs/man,packaging,cmake}
  cd "$good"
  cat >src/base/err.h <<'T'
#ifndef E
#define E
enum err_class { ERR_CLASS_input, ERR_CLASS_io };
int err_take(void);
#endif
T
  echo 'ERR(INPUT, input, "the request is malformed")' >src/base/err.def
  printf '#include "base/err.h"\n\nint err_take(void)\n{\n\treturn 0;\n}\n' >src/base/err.c
  echo 'add(err.c)' >src/base/CMakeLists.txt
  echo 'KEY(socket, PATH, "/run/x", "where")' >src/config/keys.def
  echo '#socket = /run/x' >packaging/cofferd.conf
  printf '.TH COFFERD.CONF 5 2026-01-01\n.SH NAME\ncofferd.conf \\- keys\n.SH KEYS\n.TP\n.BI "socket = " PATH\nWhere.\nDefault: /run/x.\n' >docs/man/cofferd.conf.5
  cat >src/cli/commands.c <<'T'
static const struct cmd_option run_options[] = {
	{ "fast", 'f', NULL, "quickly" },
	{ 0 },
};
const struct cmd commands[] = {
	{ "run", "", 0, 0, "runs", run_options, cmd_run },
	{ 0 },
};
T
  echo 'add(commands.c)' >src/cli/CMakeLists.txt
  printf '.TH COFFER 1 2026-01-01\n.SH NAME\ncoffer \\- x\n.SH COMMANDS\n.TP\n.BR "run " [ \\-\\-fast | \\-f ]\nRuns.\n.SH END\nIt ends.\n' >docs/man/coffer.1
  printf 'enum s { COFFER_OK = 0 };\nint coffer_go(void);\n' >src/client/include/coffer.h
  printf 'X {\n  global:\n    coffer_go;\n};\n' >src/client/libcoffer.map
  printf '.TH LIBCOFFER 3 2026-01-01\n.SH NAME\nlibcoffer \\- x\n.SH SYNOPSIS\nint coffer_go(void);\n.SH DESCRIPTION\ncoffer_go answers COFFER_OK.\n' \
    >docs/man/libcoffer.3
  printf 'ROLE(AUDITOR, 5, "auditor", 0, "reads")\n' >src/access/role.def
  printf 'PERMISSION(READ, true, "see this")\n' >src/access/permission.def
  printf 'VENDOR_OPERATION(STATUS, 0x80000001, "Status")\n' >src/kmip/vendor.def
  printf 'MECH("CKM_X", 1)\n' >hsm/mech.def
  printf '#!/bin/bash\nstage "lint" tests/lint/run\n' >scripts/test
  echo 'The role auditor has READ.' >docs/operations.md
  printf '## 2. Operations\n| Query | 1.0 | all |\n## 5. More\nStatus is 0x80000001.\n## 6. Not there yet\nPoll, Cancel.\n' >docs/kmip.md
  echo 'CKM_X is a mechanism.' >docs/tokens.md
  echo 'The stage lint.' >docs/testing.md
  mkdir -p tests/unit/ops
  printf "ROLE_ROW(\"Status\", \"amuer\", \"amue\", \"\", '-', \"o\", \"os\")\n" >tests/unit/ops/role_table.def
  printf "# Roles\n\n| operation | administrator | key-manager | key-user | key-exporter | auditor | owner | anybody | root, daemon's user |\n%s\n%s\n" \
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |' '| Status | yes | yes | yes | yes | without `--on` |  | open | open, sealed |' >docs/roles.md
  touch docs/architecture.md docs/formats.md
  echo 'docs/architecture.md docs/formats.md docs/operations.md docs/tokens.md docs/kmip.md docs/testing.md' >README.md
}

fresh() { rm -rf "$bad"; cp -r "$good" "$bad"; }

# expect CHECK WORDS FILE: appends standard input to FILE of a fresh copy; CHECK must fail with WORDS in what it says.
expect() {
  fresh
  mkdir -p "$(dirname "$bad/$3")"
  cat >>"$bad/$3"
  must_fail "$@"
}

# expect_edit CHECK WORDS FILE SED: the same with an edit of FILE.
expect_edit() {
  fresh
  sed -i "$4" "$bad/$3"
  must_fail "$@"
}

must_fail() {
  local check=$1 words=$2 file=$3 said rc=0
  said=$(cd "$bad" && "$here/checks/$check" 2>&1) || rc=$?
  tried=$((tried + 1))
  if [ $rc = 0 ] || ! grep -qF -- "$words" <<<"$said"; then
    wrong=$((wrong + 1))
    echo "$check does not find '$words' planted in $file; it says (status $rc): $said"
  fi
}

lines() { local i; for ((i = 0; i < $1; i++)); do echo "$2"; done; }
body() { printf 'int f(void)\n{\n'; lines "$1" "	f();"; printf '}\n'; }

make_good
for program in "$here"/checks/[a-z]*; do
  check=$(basename "$program")
  said=$(cd "$good" && "$program" 2>&1) || { wrong=$((wrong + 1)); echo "$check refuses the good tree: $said"; }
done

expect layers "base/ does not see crypto/" src/base/err.h <<<'#include "crypto/rng.h"'
expect layers "store/ does not see kmip/" src/store/x.c <<<'#include "kmip/tags.h"'
expect layers "only crypto/ includes" src/store/x.c <<<'#include <openssl/evp.h>'
expect layers "crypto/ossl.h is for crypto/ alone" src/store/x.c <<<'#include "crypto/ossl.h"'
expect layers "only store/ includes" src/base/x.c <<<'#include <sqlite3.h>'
expect layers "only tpm/ includes" hsm/x.c <<<'#include <tss2/tss2_esys.h>'
expect layers "only hsm/ includes" tpm/x.c <<<'#include <p11-kit/p11-kit.h>'
expect layers "hsm/ does not see token/" hsm/x.c <<<'#include "token/proxy.h"'
expect layers "has no layer" src/extra/x.c <<<'int x;'
expect layers "a .c file is never included" tests/x.c <<<'#include "base/err.c"'
expect file-length "501 lines" src/base/long.c < <(lines 501 '/* x */')
expect function-length "a function of 61 lines" src/base/x.c < <(body 61)
expect headers-alone "does not compile alone" src/base/x.h <<<'size_t x(void);'
expect forbidden-calls "strcpy() is not used" src/base/x.c <<<'void f(char *a) { strcpy(a, "b"); }'
expect forbidden-calls "sprintf() is not used" tests/x.c <<<'void f(char *a) { sprintf(a, "b"); }'
expect forbidden-calls "atoi() is not used" src/base/x.c <<<'int f(char *a) { return atoi(a); }'
expect forbidden-calls "system() is not used" src/base/x.c <<<'int f(void) { return system("true"); }'
expect forbidden-calls "memcmp() on a secret" src/base/x.c <<<'int f(void) { return memcmp(secret_bytes(a), b, 32); }'
expect forbidden-calls "memset() on a secret" src/base/x.c <<<'void f(void) { memset(passphrase, 0, 8); }'
expect forbidden-calls "a secret is printed" src/base/x.c <<<'void f(void) { printf("%s", (char *)secret_bytes(s)); }'
expect goto-forward "goes backwards" src/base/x.c < <(printf 'int f(void)\n{\nagain:\n\tgoto again;\n}\n')
expect goto-forward "one goto label" src/base/x.c < <(printf 'int f(int x)\n{\n\tif (x) goto a;\n\tgoto b;\na:\n\treturn 1;\nb:\n\treturn 2;\n}\n')
expect marks "TO""DO: finish it" src/base/x.c <<<'/* TO''DO: later */'
expect marks "a path of one machine" docs/x.md <<<'see /ho''me/ann/main'
expect marks "a blank at the end" src/base/x.c <<<'int x; '
expect marks "the last line has no end" src/base/x.c < <(printf 'int x;')
expect typedefs "instead of a typedef" src/base/x.h <<<'typedef struct a { int x; } a;'
expect cmake-lists "never globbed" src/base/CMakeLists.txt <<<'file(GLOB sources *.c)'
expect cmake-lists "no CMakeLists.txt lists it" src/base/forgotten.c <<<'int x;'
expect config-keys "is not documented" src/config/keys.def <<<'KEY(workers, U32, "0", "threads")'
expect config-keys "is not in packaging/cofferd.conf" src/config/keys.def <<<'KEY(workers, U32, "0", "threads")'
expect_edit config-keys "the default is /run/y" src/config/keys.def 's,/run/x,/run/y,'
expect_edit config-keys "no line shows the default" packaging/cofferd.conf 's,/run/x,/run/y,'
expect config-keys "is not a key of the daemon" packaging/cofferd.conf <<<'#nothing = 1'
expect_edit commands "'coffer walk' has no entry" src/cli/commands.c 's/"run", ""/"walk", ""/'
expect_edit commands "is documented and no command of the table" src/cli/commands.c 's/"run", ""/"walk", ""/'
expect_edit commands "--fast is not documented" docs/man/coffer.1 's/.-.-fast/x/'
expect_edit commands "-f (--fast) is not documented" docs/man/coffer.1 's/ | .-f / /'
expect_edit symbols "is exported and not declared" src/client/libcoffer.map 's/coffer_go;/coffer_go; coffer_new;/'
expect symbols "is declared and not exported" src/client/include/coffer.h <<<'int coffer_new(void);'
expect_edit symbols "is missing in the synopsis" docs/man/libcoffer.3 's/^int coffer_go.*/.br/'
expect_edit symbols "coffer_go is not described" docs/man/libcoffer.3 's/^coffer_go answers/It answers/'
expect_edit symbols "COFFER_OK is not described" docs/man/libcoffer.3 's/COFFER_OK/zero/'
expect errors "wants a sentence" src/base/err.def <<<'ERR(OTHER, io, "")'
expect errors "stands here twice" src/base/err.def <<<'ERR(INPUT, io, "something else failed")'
expect errors "does not exist" src/base/err.def <<<'ERR(OTHER, nothing, "something else failed")'
expect errors "not of the form" src/base/err.def <<<'ERR(OTHER, io)'
expect role-table "the operation 'Create'" src/ops/dispatch_table.c < <(printf '\tROW(CREATE, "Create", op_create)\n')
expect role-table "is not of the form" tests/unit/ops/role_table.def <<<'ROLE_ROW("Create", "a")'
expect role-table "the table is not that of" tests/unit/ops/role_table.def <<<"ROLE_ROW(\"Get\", \"e\", \"e\", \"\", 'y', \"\", \"\")"
expect_edit role-table "the table is not that of" docs/roles.md 's/without/yes, without/'
expect role-table "lines that" docs/roles.md <<<'| Get | yes |'
expect docs-tables "operation 'Create'" src/ops/dispatch_table.c < <(printf '\tROW(CREATE, "Create", op_create)\n')
expect docs-tables "came with 1.2" src/ops/dispatch_table.c < <(printf '\tROW(QUERY, "Query", op_query, 2),\n')
expect docs-tables "section 6 says that it is not" src/ops/dispatch_table.c < <(printf '\tROW(POLL, "Poll", op_poll, 0),\n')
expect docs-tables "has no row" src/ops/dispatch_table.c < <(printf '\tROW(POLL, "Poll", op_poll, 0),\n')
expect docs-tables "object type 'Split Key'" src/ops/op_query.c <<<'{ OBJECT_TYPE_SPLIT_KEY, OPERATION_CREATE }'
expect docs-tables "role 'operator'" src/access/role.def <<<'ROLE(OPERATOR, 6, "operator", 0, "x")'
expect docs-tables "permission 'USE'" src/access/permission.def <<<'PERMISSION(USE, true, "use")'
expect docs-tables "mechanism 'CKM_Y'" hsm/mech.def <<<'MECH("CKM_Y", 2)'
expect docs-tables "stage 'fuzz'" scripts/test <<<'stage "fuzz" true'
expect docs-tables "leads nowhere" docs/kmip.md <<<'[there](nowhere.md)'
expect_edit docs-tables "docs/tokens.md is not named" README.md 's/docs.tokens.md//'
if command -v shellcheck >/dev/null; then
  expect shell "SC2034" scripts/test <<<'unused=1'
fi
if command -v mandoc >/dev/null; then
  expect man-pages "coffer.1" docs/man/coffer.1 <<<'.NOSUCHMACRO x'
fi

echo "$tried planted violations, $wrong not found"
[ $wrong = 0 ]

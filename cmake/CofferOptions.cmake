# Build options (none needed), warnings and hardening. Every flag is probed, so another compiler or architecture
# leaves out what it does not know.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

option(COFFER_TESTS "build the tests" ON)
option(COFFER_WERROR "warnings are errors" OFF)
option(COFFER_ANALYZER "run gcc -fanalyzer over every file" OFF)
option(COFFER_WITH_IPSEC_MB "build the AEAD engine of intel-ipsec-mb where the library is there (x86-64)" ON)
option(COFFER_FUZZ "build the fuzz targets with libFuzzer (clang)" OFF)
set(COFFER_SANITIZE "" CACHE STRING "sanitizers: address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")

function(coffer_flags)
  set(CMAKE_REQUIRED_FLAGS "-Werror")
  foreach(flag ${ARGN})
    string(MAKE_C_IDENTIFIER "HAVE_CFLAG${flag}" var)
    check_c_compiler_flag(${flag} ${var})
    if(${var})
      add_compile_options(${flag})
      list(APPEND COFFER_CODEGEN ${flag})
    endif()
  endforeach()
  set(COFFER_CODEGEN ${COFFER_CODEGEN} PARENT_SCOPE) # also for where code is made by the linker (coffer_inline_across)
endfunction()

function(coffer_link_flags)
  foreach(flag ${ARGN})
    string(MAKE_C_IDENTIFIER "HAVE_LDFLAG${flag}" var)
    check_linker_flag(C ${flag} ${var})
    if(${var})
      add_link_options(${flag})
    endif()
  endforeach()
endfunction()

coffer_flags(-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wmissing-prototypes -Wstrict-prototypes
  -Wvla -Walloca -Wimplicit-fallthrough -Wformat=2 -Wnull-dereference -Wduplicated-cond -Wlogical-op
  -Wtrampolines -Wdate-time -Wbidi-chars=any -Wformat-overflow=2 -Wstringop-overflow=4 -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion
  -fno-common -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-strict-overflow
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=./build)
add_compile_definitions(_GNU_SOURCE)

if(COFFER_WERROR)
  add_compile_options(-Werror)
endif()
if(COFFER_ANALYZER)
  coffer_flags(-fanalyzer)
endif()

if(COFFER_SANITIZE)
  add_compile_options(-fsanitize=${COFFER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${COFFER_SANITIZE})
else()
  if(CMAKE_BUILD_TYPE MATCHES Rel)
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
  coffer_flags(-fstack-protector-strong -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard
    -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr)
  coffer_link_flags(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--build-id=sha1)
endif()
# Programs whose hot path is optimised across files (coffer_inline_across).
set(COFFER_ACROSS OFF)
if(CMAKE_BUILD_TYPE MATCHES Rel AND CMAKE_C_COMPILER_ID STREQUAL GNU AND NOT COFFER_SANITIZE AND NOT COFFER_FUZZ AND NOT COFFER_ANALYZER)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT COFFER_ACROSS LANGUAGES C OUTPUT ignored)
  set(COFFER_NO_PATH "${CMAKE_COMMAND} -E env PWD=/proc/self/cwd") # -ffile-prefix-map does not reach what is written for the link
  add_link_options(-fno-lto) # everything else; the compiler's linker plugin would do it unasked
endif()
coffer_link_flags(-Wl,--as-needed -Wl,--no-copy-dt-needed-entries)
set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
if(COFFER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# How targets are made, so that a directory's CMakeLists.txt only lists names.

# Adds a directory when it has a CMakeLists.txt.
function(coffer_add_directory dir)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/CMakeLists.txt)
    add_subdirectory(${dir})
  endif()
endfunction()

# coffer_library(NAME SOURCES a.c b.c LINKS coffer_base PkgConfig::X): a static library of this project.
function(coffer_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${A_LINKS})
endfunction()

# coffer_inline_across(NAME …): the files of these libraries are optimised together in the programs that coffer_program(… ACROSS) makes of them (each function
# of this build clears registers, so small ones cost more than their work). Not the libraries of secrets' arithmetic: what tests/ct looks at is compiled file
# by file, and stays as it is. Tests link the same objects as they are.
function(coffer_inline_across)
  if(COFFER_ACROSS)
    foreach(name ${ARGN})
      target_compile_options(${name} PRIVATE -flto -ffat-lto-objects)
      set_target_properties(${name} PROPERTIES RULE_LAUNCH_COMPILE "${COFFER_NO_PATH}")
    endforeach()
  endif()
endfunction()

# coffer_program(NAME DEST SOURCES … LINKS …): an installed executable; all land in build/bin.
function(coffer_program name)
  cmake_parse_arguments(A "ACROSS" "DEST" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${A_LINKS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  if(COFFER_ACROSS AND A_ACROSS)
    target_compile_options(${name} PRIVATE -flto -ffat-lto-objects)
    target_link_options(${name} PRIVATE -flto -flto-partition=one ${COFFER_CODEGEN})
    set_target_properties(${name} PROPERTIES RULE_LAUNCH_COMPILE "${COFFER_NO_PATH}" RULE_LAUNCH_LINK "${COFFER_NO_PATH}")
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION ${A_DEST})
endfunction()

# coffer_test(NAME [LABEL unit|contract] [WITH program that runs it] SOURCES … LINKS …): a cmocka program run by CTest. Tests find data through
# the environment: COFFER_SOURCE_DIR, COFFER_BUILD_DIR, COFFER_VECTORS, COFFER_KMIP_CASES.
function(coffer_test name)
  cmake_parse_arguments(A "" "LABEL;TIMEOUT;WITH" "SOURCES;LINKS" ${ARGN})
  if(NOT A_LABEL)
    set(A_LABEL unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 300)
  endif()
  add_executable(${name} ${A_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${A_LINKS} PkgConfig::CMOCKA)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${A_WITH} $<TARGET_FILE:${name}>)
  set_tests_properties(${name} PROPERTIES LABELS ${A_LABEL} TIMEOUT ${A_TIMEOUT} ENVIRONMENT
    "COFFER_SOURCE_DIR=${CMAKE_SOURCE_DIR};COFFER_BUILD_DIR=${CMAKE_BINARY_DIR};COFFER_VECTORS=${CMAKE_SOURCE_DIR}/tests/vectors")
endfunction()

# coffer_fuzz(NAME SOURCES one.c LINKS … CORPUS dir [MUTATOR two.c library …]): with COFFER_FUZZ a libFuzzer program, MUTATOR in it alone, and
# always a CTest that replays the committed corpus through a plain main().
function(coffer_fuzz name)
  cmake_parse_arguments(A "" "CORPUS" "SOURCES;LINKS;MUTATOR" ${ARGN})
  add_executable(${name}_replay ${A_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c)
  target_include_directories(${name}_replay PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name}_replay PRIVATE ${A_LINKS})
  set_target_properties(${name}_replay PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name}_replay COMMAND ${name}_replay ${A_CORPUS})
  set_tests_properties(${name}_replay PROPERTIES LABELS unit TIMEOUT 120)
  if(COFFER_FUZZ)
    list(POP_FRONT A_MUTATOR mutator)
    add_executable(${name} ${A_SOURCES} ${mutator})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE ${A_LINKS} ${A_MUTATOR})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  endif()
endfunction()
